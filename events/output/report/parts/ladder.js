// The ladder of a connection: what each side sent, in order, each message with its fields and bytes.

const STEP = { kind: 0, seconds: 1, isOrig: 2, label: 3, about: 4, picture: 5, wrong: 6, certificates: 7 };
const BADGES = { encrypted: "encrypted", decrypted: "decrypted", data: "decrypted" };

function ladderView(steps, client, server) {
  return element(
    "div",
    {},
    element(
      "div",
      { class: "ends" },
      element("span", { class: "client" }, client),
      element("span", { class: "server" }, server),
    ),
    element("ol", { class: "ladder", "aria-label": "What each side sent" }, steps.map(stepView)),
  );
}

function stepView(step) {
  const kind = step[STEP.kind];
  const isOrig = step[STEP.isOrig];
  const picture = DATA.pictures[step[STEP.picture]];
  const wrong = step[STEP.wrong] || [];
  const certificates = step[STEP.certificates] || [];
  const from = isOrig === null ? "" : isOrig ? "from-client" : "from-server";
  const what = element(
    "span",
    { class: "what" },
    isOrig === null ? null : element("span", { class: "hidden-text" }, isOrig ? "from the client: " : "from the server: "),
    kind === "structure" || kind === "decrypted" ? element("strong", {}, step[STEP.label]) : step[STEP.label],
    step[STEP.about] ? element("span", { class: "kind" }, ` ${step[STEP.about]}`) : null,
    picture && kind !== "data" ? element("span", { class: "kind" }, `, ${plural(picture[1], "byte")}`) : null,
    BADGES[kind] ? [" ", element("span", { class: "badge" }, BADGES[kind])] : null,
    wrong.length || kind === "wrong" || picture?.[3].length ? [" ", element("span", { class: "badge wrong" }, "malformed")] : null,
  );
  const line =
    isOrig === null
      ? element("div", {}, what)
      : element("div", { class: "arrow" }, what, element("span", { class: "tip", "aria-hidden": "true" }, isOrig ? "▶" : "◀"));
  const seconds = step[STEP.seconds];
  return element(
    "li",
    { class: `step is-${kind} ${from}` },
    element("time", {}, seconds === null ? "" : `${seconds < 0 ? "−" : "+"}${Math.abs(seconds).toFixed(6)}`),
    picture || wrong.length || certificates.length
      ? details(line, () => inside(step, picture, wrong, certificates))
      : line,
  );
}

// A summary whose content is made when it is opened first.
function details(summary, make) {
  const made = element("details", {}, element("summary", {}, summary));
  made.addEventListener(
    "toggle",
    () => {
      if (made.open && made.childElementCount === 1) made.append(...make());
    },
  );
  return made;
}

function inside(step, picture, wrong, certificates) {
  return [
    wrong.length ? element("ul", { class: "wrong", "aria-label": "What was wrong" }, wrong.map((text) => element("li", {}, text))) : null,
    ...certificates.map((certificate) => definitions(certificate)),
    picture ? structureView(picture, DATA.texts, step[STEP.label]) : null,
  ].filter((each) => each);
}

function definitions(pairs) {
  return element(
    "dl",
    {},
    pairs.flatMap(([name, value]) => [
      element("dt", {}, name),
      element("dd", {}, Array.isArray(value) ? value.join(", ") : value),
    ]),
  );
}
