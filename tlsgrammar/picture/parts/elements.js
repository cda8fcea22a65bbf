"use strict";
// What all scripts of a page make elements with. What stands in captures is hostile: it becomes text here, never markup.

// Characters that are not seen, or that change the order of others, show as their code points, as they do in text output.
const UNSEEN =
  /[\u0000-\u001f\u007f-\u00a0\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]|(?! )[\p{Z}\p{Cf}\p{Surrogate}]/gu;

function visible(text) {
  return String(text).replace(UNSEEN, (character) => {
    const code = character.codePointAt(0).toString(16);
    if (code.length < 3) return `\\x${code.padStart(2, "0")}`;
    return code.length < 5 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

// An element. `attributes` are attributes, but for functions, which listen to the event of that name; those that are null, false
// or undefined are left out. Whatever is no element among the children becomes text.
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false)
      made.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const child of children.flat())
    if (child !== null && child !== undefined)
      made.append(child instanceof Node ? child : visible(child));
  return made;
}

// A text that may be broken behind its underscores, as names of cipher suites want to be.
function breakable(text) {
  const parts = String(text).split("_");
  return parts.flatMap((part, at) => (at < parts.length - 1 ? [`${part}_`, element("wbr")] : [part]));
}

function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

const DATA = JSON.parse(document.getElementById("data").textContent);
