// A native list of options, or a box to tick, that keeps its keys from JupyterLab.

function render({ model, el }) {
  el.classList.add("bp-choose");
  const label = document.createElement("label");
  const words = document.createElement("span");
  words.textContent = model.get("label");
  const ticks = model.get("labels").length === 0;
  const input = document.createElement(ticks ? "input" : "select");
  if (ticks) input.type = "checkbox";
  else input.append(...model.get("labels").map(option => new Option(option)));
  label.append(...(ticks ? [input, words] : [words, input]));
  el.append(label);

  const show = () => {
    if (ticks) input.checked = model.get("index") === 1;
    else input.selectedIndex = model.get("index");
  };
  input.addEventListener("change", () => {
    model.set("index", ticks ? Number(input.checked) : input.selectedIndex);
    model.save_changes();
  });
  keepKeys(el);
  model.on("change:index", show);
  show();
  return () => model.off("change:index", show);
}

export default { render };
