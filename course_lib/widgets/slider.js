// A native slider: its label, its value in words, and, where wanted, a button that plays it.

function render({ model, el }) {
  el.classList.add("bp-slider");
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0, step: 1 });
  label.append(model.get("label"), input);
  const value = document.createElement("span");
  value.className = "bp-value";
  value.ariaHidden = "true"; // the slider itself says it
  el.append(label, value);

  let timer = null;
  const button = document.createElement("button");
  const show = () => {
    const labels = model.get("labels");
    input.max = labels.length - 1;
    input.value = model.get("index");
    value.textContent = labels[model.get("index")];
    value.style.minWidth = `${Math.max(...labels.map(words => words.length))}ch`;
    input.setAttribute("aria-valuetext", value.textContent);
  };
  const put = index => {
    model.set("index", index);
    model.save_changes();
    show();
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  const step = () => {
    const next = model.get("index") + 1;
    if (!input.isConnected || next >= model.get("labels").length) stop();
    else put(next);
  };
  input.addEventListener("input", () => {
    stop();
    put(Number(input.value));
  });
  keepKeys(el);
  model.on("change:index change:labels", show);
  if (model.get("pace")) {
    button.type = "button";
    button.className = "jupyter-button";
    button.setAttribute("aria-label", `Play ${model.get("label")}`);
    button.addEventListener("click", () => {
      if (timer) return stop();
      if (model.get("index") === model.get("labels").length - 1) put(0);
      button.textContent = "Pause";
      timer = setInterval(step, 1000 * model.get("pace"));
    });
    stop();
    el.append(button);
  }
  show();
  return () => {
    clearInterval(timer);
    model.off("change:index change:labels", show);
  };
}

export default { render };
