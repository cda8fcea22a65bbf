// The charts: how many connections have which value. Each value is a filter.

const SHOWN = 8;
const DAY = 86400;

const HOW_LONG = [
  [0, "expired when it was seen"],
  [30 * DAY, "within 30 days"],
  [90 * DAY, "within 90 days"],
  [398 * DAY, "within 398 days"],
  [Infinity, "later"],
];

function expiry(row) {
  if (row.not_valid_after === null || row.ts === null) return [];
  const left = row.not_valid_after - row.ts;
  return [HOW_LONG.find(([most]) => left < most || most === Infinity)[1]];
}

const one = (name) => (row) => (row[name] === null ? [] : [row[name]]);

const CHARTS = [
  { title: "Version", of: (row) => [row.version ?? "no ServerHello"] },
  { title: "Cipher suite", of: one("cipher") },
  { title: "Group", of: one("curve") },
  { title: "Signature scheme of the server", of: one("signature") },
  { title: "ALPN", of: one("next_protocol") },
  { title: "Server name", of: one("server_name") },
  { title: "Server", of: (row) => [row.server] },
  { title: "Certificate expires", of: expiry, order: HOW_LONG.map(([, words]) => words) },
  { title: "Issuer", of: one("issuer") },
  { title: "JA4", of: one("ja4") },
  { title: "JA3", of: one("ja3") },
  { title: "Weak", of: (row) => row.weaknesses },
  {
    title: "Outcome",
    of: (row) => [
      row.established ? "established" : "not established",
      ...(row.resumed ? ["resumed"] : []),
      ...(row.violations ? ["with violations"] : []),
      ...(DATA.steps[row.number] ? ["with its messages here"] : []),
      ...(row.last_alert !== null ? [`alert: ${row.last_alert}`] : []),
    ],
  },
  { title: "Capture", of: one("file"), ifSeveral: true },
];

const idOf = (chart) => `chart-${chart.title.replaceAll(" ", "-")}`;

// One chart. `counts` is a Map of values and their numbers, `chosen` the Set of those that filter.
function chartView(chart, counts, chosen, choose, isWide, widen) {
  const values = [...counts].sort((a, b) =>
    chart.order ? chart.order.indexOf(a[0]) - chart.order.indexOf(b[0]) : b[1] - a[1],
  );
  for (const value of chosen) if (!counts.has(value)) values.unshift([value, 0]);
  const most = Math.max(1, ...values.map(([, count]) => count));
  const shown = isWide ? values.slice(0, 200) : values.slice(0, SHOWN);
  const id = idOf(chart);
  return element(
    "section",
    { class: "chart", "aria-labelledby": id },
    element("h3", { id }, chart.title),
    element(
      "ul",
      { tabindex: isWide ? 0 : null, "aria-label": chart.title },
      shown.map(([value, count]) => {
        const length = element("span", { class: "length" });
        length.style.width = `${(100 * count) / most}%`;
        return element(
          "li",
          {},
          element(
            "button",
            {
              type: "button",
              class: "bar",
              "aria-pressed": String(chosen.has(value)),
              "data-filter": `${chart.title}:${value}`,
              click: () => choose(value),
            },
            length,
            element("span", { class: "what" }, breakable(value)),
            element("span", { class: "count" }, count.toLocaleString("en")),
          ),
        );
      }),
    ),
    values.length > shown.length
      ? element("button", { type: "button", class: "more", click: widen }, `${(values.length - shown.length).toLocaleString("en")} more`)
      : null,
  );
}

const BARS = 60;

// The first and the last of some times, and how long a bar of the chart is.
function spanOf(times) {
  const known = times.filter((time) => time !== null);
  const first = known.reduce((a, b) => Math.min(a, b), Infinity);
  const last = known.reduce((a, b) => Math.max(a, b), -Infinity);
  return { first, last, width: (last - first) / BARS };
}

// The bar of a time: each time is in one.
function barOf(time, span) {
  return time === null ? null : Math.min(BARS - 1, Math.floor((time - span.first) / span.width));
}

// When connections began, and a function that shows how many of some of them there are. `range` is [from, to] in bars.
function timelineView(rows, span, range, change) {
  const { first, last, width } = span;
  if (!(last > first)) return null;
  const countsOf = (some) => {
    const counts = new Array(BARS).fill(0);
    for (const row of some) if (row.bar !== null) counts[row.bar] += 1;
    return counts;
  };
  const everything = countsOf(rows);
  const known = everything.reduce((a, b) => a + b);
  const most = Math.max(...everything);
  const bars = everything.map((_, at) =>
    drawing("rect", { x: at + 0.05, width: 0.9, class: at >= range[0] && at <= range[1] ? "inside" : null }),
  );
  const update = (some) =>
    countsOf(some).forEach((count, at) => {
      bars[at].setAttribute("y", 20 - (20 * count) / most);
      bars[at].setAttribute("height", (20 * count) / most);
    });
  update(rows);
  const limits = [];
  const limit = (label, which) => {
    const time = () => clock(first + (range[which] + which) * width);
    const shown = element("span", {}, time());
    limits.push(() => {
      input.value = range[which];
      shown.textContent = time();
      input.setAttribute("aria-valuetext", time());
    });
    const input = element("input", {
      type: "range",
      min: 0,
      max: BARS - 1,
      value: range[which],
      "aria-label": `Connections that began ${label}`,
      "aria-valuetext": time(),
      input: (event) => {
        range[which] = Number(event.target.value);
        if (range[0] > range[1]) range[1 - which] = range[which];
        for (const update of limits) update();
        bars.forEach((bar, at) => bar.setAttribute("class", at >= range[0] && at <= range[1] ? "inside" : ""));
      },
      change,
    });
    return element("label", {}, label, input, shown);
  };
  const view = element(
    "div",
    { class: "timeline" },
    drawing("svg", { viewBox: `0 0 ${BARS} 20`, preserveAspectRatio: "none", role: "img", "aria-label": `When connections began: ${plural(known, "connection")} from ${clock(first)} to ${clock(last)}` }, bars),
    limit("from", 0),
    limit("to", 1),
  );
  return { view, update };
}

function clock(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace("T", " ").replace("Z", "").slice(0, 23);
}
