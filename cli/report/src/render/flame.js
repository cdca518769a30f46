"use strict";
// The boxes, each with where it was drawn first, and its name.
const width = 1200;
const details = document.getElementById("details");
const help = details.textContent;
const boxes = Array.from(document.getElementById("boxes").children, (element) => ({
  element,
  x: Number(element.getAttribute("x")),
  y: Number(element.getAttribute("y")),
  width: Number(element.getAttribute("width")),
  title: element.querySelector("title").textContent,
  name: element.querySelector("text").textContent,
}));

// Makes a box as wide as the picture, and what is below it too.
function zoom(to) {
  const factor = width / to.width;
  for (const box of boxes) {
    const around = box.y >= to.y && box.x <= to.x + 0.01 && box.x + box.width >= to.x + to.width - 0.01;
    const inside = box.y <= to.y && box.x >= to.x - 0.01 && box.x + box.width <= to.x + to.width + 0.01;
    const { style } = box.element;
    style.display = around || inside ? "" : "none";
    style.opacity = around && box !== to ? 0.5 : 1;
    box.element.setAttribute("x", around ? 0 : (box.x - to.x) * factor);
    box.element.setAttribute("width", around ? width : box.width * factor);
  }
}

// Marks the boxes whose name matches.
function search(expression) {
  for (const box of boxes) {
    const found = expression !== "" && new RegExp(expression).test(box.name);
    const rect = box.element.querySelector("rect");
    rect.setAttribute("stroke", found ? "#c0f" : "none");
    rect.setAttribute("stroke-width", found ? 4 : 0);
  }
}

for (const box of boxes) {
  box.element.addEventListener("click", () => zoom(box));
  box.element.addEventListener("mouseover", () => { details.textContent = box.title; });
  box.element.addEventListener("mouseout", () => { details.textContent = help; });
}
window.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    zoom(boxes[0]);
  } else if (event.key === "f" && event.ctrlKey) {
    event.preventDefault();
    try {
      search(prompt("Functions that match this regular expression:", "") ?? "");
    } catch (error) {
      details.textContent = error.message;
    }
  }
});
