// The gallery: cards for the answers that pass the filters, made a few at a time.
//
// All text here was written by a model, so it enters the page through textContent only.

(() => {
  "use strict";

  const source = document.getElementById("illusion-data");
  if (source === null) return;

  const CHUNK = 12;
  const LONG_REPLY = 600;
  const DEFAULTS = { show: "flipped", category: "", condition: "", verdict: "", text: "" };
  const VERDICTS = {
    correct: "Right",
    pictured: "Gives the pictured answer",
    other: "Other wrong answer",
    refused: "Declines to answer",
    empty: "Empty answer",
    failed: "Failed",
  };
  const CONDITIONS = { none: "No picture", blank: "Blank picture", factual: "Right picture", spurious: "Wrong picture" };

  const { questions, rows, pictures } = JSON.parse(source.textContent);
  const gallery = document.getElementById("gallery");
  const filters = gallery.querySelector(".filters");
  const cards = document.getElementById("cards");
  const count = document.getElementById("count");
  const more = document.getElementById("more");
  const reset = document.getElementById("reset");
  const hasFlipped = rows.some((row) => row.flipped);
  if (!hasFlipped) DEFAULTS.show = "all";

  const haystacks = rows.map((row) => {
    const question = questions[row.question];
    const without = question.without ? question.without.reply : "";
    return [question.text, question.gold, row.pictured, row.reply, without, row.seen, row.caption].join("\n").toLowerCase();
  });

  let state = { ...DEFAULTS };
  let matching = [];
  let shown = 0;

  // --- Making cards

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function foreign(tag, className, text) {
    const element = make(tag, className, text);
    element.dir = "auto";
    return element;
  }

  function wholeWords(words) {
    const escaped = words.filter(Boolean).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    escaped.sort((a, b) => b.length - a.length);
    return new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  }

  // A reply with the right and the pictured answer marked where their very words stand in it.
  function reply(text, gold, pictured) {
    const element = foreign("blockquote", "reply");
    if (text.length > LONG_REPLY) {
      element.classList.add("long");
      element.tabIndex = 0;
    }
    let position = 0;
    for (const match of text.matchAll(wholeWords([gold, pictured]))) {
      const isPictured = pictured && match[0].toLowerCase() === pictured.toLowerCase();
      const word = make("mark", isPictured ? "word-pictured" : "word-gold", match[0]);
      element.append(text.slice(position, match.index), word);
      position = match.index + match[0].length;
    }
    element.append(text.slice(position));
    return element;
  }

  function answer(label, verdict, text, error, gold, pictured) {
    const part = make("div", `answer verdict-${verdict}`);
    const head = make("p", "answer-head");
    head.append(make("span", "answer-label", label), make("span", "verdict", VERDICTS[verdict]));
    part.append(head);
    if (error) part.append(foreign("p", "error", error));
    else if (text.trim() === "") part.append(make("p", "nothing", "(no words)"));
    else part.append(reply(text, gold, pictured));
    return part;
  }

  function picture(row) {
    const frame = make("div", "picture");
    if (row.picture !== undefined) {
      const image = make("img");
      image.alt = row.pictured ? `Picture showing: ${row.pictured}` : "Blank picture";
      image.width = image.height = 280;
      image.decoding = "async";
      image.src = pictures[row.picture];
      frame.append(image);
    } else {
      const text = row.pictureProblem || (row.condition === "none" ? "No picture" : "Picture not kept");
      frame.classList.add("missing");
      frame.append(foreign("p", "", text));
    }
    return frame;
  }

  function fact(list, term, value, className) {
    const pair = make("div", className ?? "");
    pair.append(make("dt", "", term), foreign("dd", "", value));
    list.append(pair);
  }

  const nats = (number) => number.toFixed(2).replace("-", "\u2212");

  // Log-probabilities of the two answers: as much of the story as the run measured.
  function logProbs(list, row) {
    if (row.logProbGold !== undefined) fact(list, "log P(right)", nats(row.logProbGold));
    if (row.logProbPictured !== undefined) fact(list, "log P(pictured)", nats(row.logProbPictured));
    if (row.confidenceShift !== undefined) fact(list, "Confidence shift", `${nats(row.confidenceShift)} nats`);
  }

  function card(row) {
    const question = questions[row.question];
    const { without } = question;
    const element = make("article", "card");
    element.tabIndex = -1;
    const body = make("div", "card-body");
    const where = [question.category, question.difficulty, CONDITIONS[row.condition], row.kind];
    body.append(foreign("p", "where", where.filter(Boolean).join(" · ")));
    body.append(foreign("h4", "", question.text));
    const facts = make("dl", "card-facts");
    fact(facts, "Right answer", question.gold, "gold");
    if (row.pictured) fact(facts, "Picture shows", row.pictured, row.condition === "spurious" ? "pictured" : "gold");
    body.append(facts);
    const wrong = row.condition === "spurious" ? row.pictured : undefined;
    if (row.condition !== "none" && without) {
      body.append(answer("Without picture", without.verdict, without.reply, without.error, question.gold, wrong));
    }
    const label = row.condition === "none" ? "Without picture" : "With this picture";
    body.append(answer(label, row.verdict, row.reply, row.error, question.gold, wrong));
    const fine = make("dl", "card-fine");
    if (row.caption !== undefined) fact(fine, "It described", row.caption.trim() || "(nothing)");
    if (row.seen !== undefined) fact(fine, "The eyes read", row.seen.trim() || "(nothing)");
    logProbs(fine, row);
    if (fine.children.length) body.append(fine);
    element.append(picture(row), body);
    return element;
  }

  // --- Choosing and showing

  function passes(row, index, text) {
    return (
      (state.show === "all" || row.flipped) &&
      (state.category === "" || questions[row.question].category === state.category) &&
      (state.condition === "" || row.condition === state.condition) &&
      (state.verdict === "" || row.verdict === state.verdict) &&
      (text === "" || haystacks[index].includes(text))
    );
  }

  function showMore() {
    const next = matching.slice(shown, shown + CHUNK).map(card);
    cards.append(...next);
    shown += next.length;
    const left = matching.length - shown;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(CHUNK, left)} more`;
    return next[0];
  }

  function update() {
    const text = state.text.trim().toLowerCase();
    matching = rows.filter((row, index) => passes(row, index, text));
    shown = 0;
    cards.replaceChildren();
    showMore();
    const number = (value) => value.toLocaleString("en");
    count.textContent = `${number(matching.length)} of ${number(rows.length)} answers`;
    if (matching.length === 0) cards.append(make("p", "nothing", "No answer passes these filters."));
    reset.hidden = Object.keys(DEFAULTS).every((key) => state[key] === DEFAULTS[key]);
  }

  // --- State, kept in the address so that a view can be shared

  const controls = [...filters.querySelectorAll("select, input")];

  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    state = { ...DEFAULTS };
    for (const control of controls) {
      control.value = given.get(control.name) ?? DEFAULTS[control.name];
      // A select that does not offer the value has nothing chosen.
      if (control.selectedIndex === -1) control.value = DEFAULTS[control.name];
      state[control.name] = control.value;
    }
  }

  function toAddress() {
    const kept = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
    const hash = new URLSearchParams(kept).toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  }

  function fromControls() {
    for (const control of controls) state[control.name] = control.value;
    toAddress();
    update();
  }

  let pause;
  filters.addEventListener("input", (event) => {
    clearTimeout(pause);
    pause = setTimeout(fromControls, event.target.type === "search" ? 120 : 0);
  });
  more.addEventListener("click", () => showMore().focus());
  reset.addEventListener("click", () => {
    for (const control of controls) control.value = DEFAULTS[control.name];
    fromControls();
    controls[0].focus();
  });
  window.addEventListener("hashchange", () => {
    // Links inside the page (to a section) leave the filters alone.
    if (!location.hash.includes("=")) return;
    fromAddress();
    update();
    gallery.scrollIntoView();
    gallery.querySelector("select").focus({ preventScroll: true });
  });

  filters.hidden = false;
  if (!hasFlipped) filters.querySelector("option[value=flipped]").disabled = true;
  fromAddress();
  update();
  if (location.hash.includes("=")) gallery.scrollIntoView();
})();
