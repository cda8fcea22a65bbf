// The fields of a structure beside its bytes: pointing at one marks the other.

const FIELD = { name: 0, start: 1, end: 2, declaration: 3, value: 4, reference: 5, children: 6 };
const IN_A_LINE = 16;

// `picture` is [Base64, size, fields, wrong]; `texts` are those that its numbers stand for.
function structureView(picture, texts, label) {
  const [encoded, size, fields, wrong] = picture;
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  const rows = new Map(); // of fields
  const parents = new Map();
  const about = element("div", { class: "about", "aria-live": "polite" });
  const hex = hexView(bytes, size, label);
  let selected = null;
  let marked = null; // a row

  // What was not read to its end goes on to that of what it stands in, as far as anybody knows.
  const end = (field) => {
    let around = field;
    while (around && around[FIELD.end] < 0) around = parents.get(around);
    return around ? around[FIELD.end] : size;
  };
  const text = (field, what) => texts[field[FIELD[what]]];

  function mark(field) {
    marked?.classList.remove("marked");
    let seen = field;
    for (let outer = parents.get(field); outer; outer = parents.get(outer))
      if (rows.get(outer).parentElement.getAttribute("aria-expanded") === "false") seen = outer;
    marked = rows.get(seen);
    marked.classList.add("marked");
    hex.mark(field[FIELD.start], end(field));
    tell(field);
  }

  function select(field, { focus = false } = {}) {
    if (selected) {
      rows.get(selected).parentElement.tabIndex = -1;
      rows.get(selected).parentElement.setAttribute("aria-selected", "false");
    }
    selected = field;
    for (let outer = parents.get(field); outer; outer = parents.get(outer)) open(outer, true);
    const item = rows.get(field).parentElement;
    item.tabIndex = 0;
    item.setAttribute("aria-selected", "true");
    if (focus) item.focus({ preventScroll: false });
    mark(field);
  }

  function tell(field) {
    const path = [];
    for (let each = field; each; each = parents.get(each)) path.unshift(text(each, "name"));
    const count = end(field) - field[FIELD.start];
    about.replaceChildren(
      element("p", { class: "path" }, path.join(" › ").replaceAll(" › [", "[")),
      element("code", {}, text(field, "declaration")),
      element("p", {}, text(field, "value")),
      element(
        "p",
        { class: "where" },
        count ? `bytes ${field[FIELD.start]} to ${end(field) - 1} (${count})` : "no bytes",
        field[FIELD.end] < 0 ? "; not read to its end" : "",
        text(field, "reference") ? " · " : "",
        text(field, "reference") ? reference(text(field, "reference")) : null,
      ),
    );
  }

  function isElement(field) {
    return text(field, "name").startsWith("[") && text(field, "value") !== "";
  }

  function open(field, opened) {
    const item = rows.get(field).parentElement;
    if (field[FIELD.children].length) item.setAttribute("aria-expanded", String(opened));
  }

  function item(field, parent, level) {
    parents.set(field, parent);
    const children = field[FIELD.children];
    const row = element(
      "div",
      { class: field[FIELD.end] < 0 ? "field broken" : "field" },
      element("span", { class: "name" }, text(field, "name")),
      " ",
      element("span", { class: "value" }, text(field, "value")),
    );
    rows.set(field, row);
    row.addEventListener("mouseenter", () => mark(field));
    row.addEventListener("click", () => {
      // A click opens; another one closes.
      const isClosed = row.parentElement.getAttribute("aria-expanded") === "false";
      if (isClosed || selected === field) open(field, isClosed);
      select(field, { focus: true });
    });
    const made = element(
      "li",
      {
        role: "treeitem",
        tabindex: -1,
        "aria-level": level,
        "aria-selected": "false",
        // An element of a list that says what it is opens when it is asked for.
        "aria-expanded": children.length ? String(!isElement(field)) : null,
      },
      row,
    );
    if (children.length)
      made.append(
        element("ul", { role: "group" }, children.map((child) => item(child, field, level + 1))),
      );
    return made;
  }

  const tree = element(
    "ul",
    { role: "tree", "aria-label": `Fields of ${label}` },
    fields.map((field) => item(field, null, 1)),
  );
  const order = [...rows.keys()];
  const isSeen = (field) => {
    for (let outer = parents.get(field); outer; outer = parents.get(outer))
      if (rows.get(outer).parentElement.getAttribute("aria-expanded") === "false") return false;
    return true;
  };
  const step = (field, by) => {
    let at = order.indexOf(field) + by;
    while (order[at] && !isSeen(order[at])) at += by;
    return order[at];
  };
  const isOpen = (field) =>
    rows.get(field).parentElement.getAttribute("aria-expanded") === "true";
  const keys = {
    ArrowDown: (field) => step(field, 1),
    ArrowUp: (field) => step(field, -1),
    Home: () => order[0],
    End: () => order.filter(isSeen).at(-1),
    ArrowRight: (field) => {
      if (!field[FIELD.children].length) return null;
      if (isOpen(field)) return field[FIELD.children][0];
      open(field, true);
      return field;
    },
    ArrowLeft: (field) => {
      if (!field[FIELD.children].length || !isOpen(field)) return parents.get(field);
      open(field, false);
      return field;
    },
  };
  tree.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || !selected) return;
    event.preventDefault();
    const next = keys[event.key](selected);
    if (next) select(next, { focus: true });
  });
  tree.addEventListener("mouseleave", () => selected && mark(selected));

  // The innermost field that a byte is of.
  function fieldAt(at, among = fields) {
    for (const field of among) {
      if (field[FIELD.start] <= at && at < end(field))
        return fieldAt(at, field[FIELD.children]) || field;
    }
    return null;
  }
  hex.listen({
    point: (at) => fieldAt(at) && mark(fieldAt(at)),
    choose: (at) => fieldAt(at) && select(fieldAt(at)),
    leave: () => selected && mark(selected),
  });
  // The innermost field on a path of the grammar that was read; a body that was not is shown as its bytes, which come last.
  function fieldOn(path) {
    let found = fields.length === 1 ? fields[0] : null;
    if (!found || !path) return null;
    for (const name of path.split(/[.[]/).slice(1)) {
      const wanted = name.endsWith("]") ? `[${name}` : name;
      const named = (field) => field[FIELD.children].find((child) => text(child, "name") === wanted);
      const inBody = found === fields[0] && found[FIELD.children].find((child) => text(child, "name") === "body");
      const next = named(found) || (inBody && named(inBody));
      if (!next) {
        if (name === "body") found = found[FIELD.children].at(-1) || found;
        break;
      }
      found = next;
    }
    return found === fields[0] ? null : found;
  }
  for (const [at, path] of wrong) {
    const field = fieldOn(path);
    if (!field) {
      hex.blame(at, at + 1);
      continue;
    }
    rows.get(field).classList.add("broken");
    hex.blame(field[FIELD.start], end(field));
    for (let outer = parents.get(field); outer; outer = parents.get(outer)) open(outer, true);
  }
  if (fields.length) select(fields[0]);
  return element(
    "div",
    { class: "structure" },
    wrong.length
      ? element(
          "ul",
          { class: "wrong", "aria-label": "What is malformed" },
          wrong.map(([at, path, reason]) =>
            element("li", {}, `at ${at.toString(16).padStart(4, "0")}: ${path ? `${path}: ` : ""}${reason}`),
          ),
        )
      : null,
    element("div", { class: "halves" }, tree, element("div", {}, hex.view, about)),
  );
}

// A dump of bytes, whose cursor the arrow keys move.
function hexView(bytes, size, label) {
  const cells = [];
  const characters = [];
  const lines = [];
  for (let begin = 0; begin < bytes.length; begin += IN_A_LINE) {
    const part = [...bytes.subarray(begin, begin + IN_A_LINE)];
    const inLine = part.map((byte, at) => {
      const cell = element("span", { "data-at": begin + at }, byte.toString(16).padStart(2, "0"));
      cells.push(cell);
      return cell;
    });
    const asText = part.map((byte, at) => {
      const shown = byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
      const character = element("span", { "data-at": begin + at }, shown);
      characters.push(character);
      return character;
    });
    lines.push(
      element(
        "div",
        { class: "line" },
        element("span", { class: "at" }, begin.toString(16).padStart(4, "0")),
        element("span", { class: "cells" }, inLine),
        element("span", { class: "characters", "aria-hidden": "true" }, asText),
      ),
    );
  }
  const view = element(
    "div",
    {
      class: "bytes",
      role: "group",
      tabindex: 0,
      "aria-label": `The ${plural(size, "byte")} of ${label}; arrow keys move from byte to byte`,
    },
    lines,
    size > bytes.length ? element("p", {}, `${plural(size - bytes.length, "more byte")} not shown`) : null,
  );
  let cursor = 0;
  let listener = {};
  const at = (event) => {
    const cell = event.target.closest("[data-at]");
    return cell ? Number(cell.dataset.at) : null;
  };
  const when = (name) => (event) => {
    const here = at(event);
    if (here === null) return;
    cursor = here;
    listener[name](here);
  };
  view.addEventListener("mouseover", when("point"));
  view.addEventListener("click", when("choose"));
  view.addEventListener("mouseleave", () => listener.leave());
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: IN_A_LINE, ArrowUp: -IN_A_LINE };
  view.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    cursor = Math.max(0, Math.min(bytes.length - 1, cursor + steps[event.key]));
    listener.choose(cursor);
    for (const cell of view.querySelectorAll(".cursor")) cell.classList.remove("cursor");
    cells[cursor]?.classList.add("cursor");
  });
  let marked = [0, 0];
  const each = (from, to, change) => {
    for (let here = from; here < Math.min(to, cells.length); here += 1) {
      change(cells[here]);
      change(characters[here]);
    }
  };
  return {
    view,
    listen: (to) => {
      listener = to;
    },
    mark: (from, to) => {
      each(...marked, (cell) => cell.classList.remove("marked"));
      marked = [from, to];
      each(from, to, (cell) => cell.classList.add("marked"));
    },
    blame: (from, to) => each(from, to, (cell) => cell.classList.add("wrong")),
  };
}

// The document that defines something, as a link to it where it is an RFC.
function reference(text) {
  const found = /^RFC (\d+)(?: (section|appendix) ([\w.]+))?$/.exec(text);
  if (!found) return text;
  const [, number, what, part] = found;
  const anchor = part ? `#${what}-${part}` : "";
  return element(
    "a",
    {
      href: `https://www.rfc-editor.org/rfc/rfc${number}${anchor}`,
      rel: "noopener noreferrer",
      target: "_blank",
    },
    text,
  );
}
