// What a native control needs in JupyterLab, which moves between cells with these keys.

const MINE = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp",
  "PageDown", " ", "Enter"];

function keepKeys(el) {
  el.addEventListener("keydown", event => MINE.includes(event.key) && event.stopPropagation());
}
