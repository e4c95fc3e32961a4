// A picture that is replaced without flicker, and the words that say what it shows now.

function render({ model, el }) {
  const id = `bp-stage-${Math.random().toString(36).slice(2)}`;
  el.classList.add("bp-stage");
  const picture = document.createElement("img");
  picture.alt = model.get("alt");
  picture.setAttribute("aria-describedby", id);
  const words = document.createElement("div");
  words.id = id;
  words.className = "bp-words";
  words.setAttribute("role", "status"); // it stays, so that a change of its text is announced
  el.append(picture, words);

  let shown = "";
  const draw = () => {
    const before = shown;
    shown = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    const [width, height] = model.get("size");
    Object.assign(picture, { width, height });
    picture.src = shown; // the browser keeps the old picture until this one is there
    if (before) URL.revokeObjectURL(before);
  };
  const say = () => {
    words.setAttribute("aria-live", model.get("quiet") ? "off" : "polite");
    words.textContent = model.get("words");
    // Room that was needed once is kept, so that what stands below does not jump.
    words.style.minHeight = `${Math.max(parseFloat(words.style.minHeight) || 0, words.offsetHeight)}px`;
  };
  model.on("change:png", draw);
  model.on("change:words change:quiet", say);
  if (model.get("clickable")) {
    picture.classList.add("bp-clickable");
    picture.addEventListener("click", event => {
      const box = picture.getBoundingClientRect();
      model.send({ at: [(event.clientX - box.left) / box.width,
        (event.clientY - box.top) / box.height] });
    });
  }
  draw();
  say();
  return () => {
    model.off("change:png", draw);
    model.off("change:words change:quiet", say);
    URL.revokeObjectURL(shown);
  };
}

export default { render };
