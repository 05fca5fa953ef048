/*
 * The page's own watchdog. The console's figures are pushed by the server; when the pushes stop, by a stuck server, a
 * killed one or a dead network, the last figures would stand there as if they were now. Every repaint of the server
 * changes the number in .cw-pulse; after LIMIT_MS without a change this says so, in place of the status line, and
 * marks every figure as old. Nothing here asks the server: it works when the server does not.
 */
(() => {
  const LIMIT_MS = 3000, EVERY_MS = 250;
  let last = performance.now(), beat = null, banner = null;

  const words = window.cwWords;

  // In the page's language, as the server has put them there.
  function span(ms) {
    const s = Math.floor(ms / 1000), [seconds, minutes, hours] = words.units;
    if (s < 120) return seconds.replaceAll("%", s);
    return s < 7200 ? minutes.replaceAll("%", Math.floor(s / 60)) : hours.replaceAll("%", Math.floor(s / 3600));
  }

  function stopped(age) {
    const since = span(age), root = document.documentElement;
    if (banner === null) {
      banner = document.createElement("div");
      banner.id = "cw-stopped";
      banner.setAttribute("role", "alert");
      document.body.prepend(banner);
      root.classList.add("cw-stopped");
      root.style.setProperty("--cw-lost", JSON.stringify(`▨ ${words.lost}`));
      root.style.setProperty("--cw-unknown", JSON.stringify(words.unknown));
    }
    const said = `▨ ${words.stopped.replaceAll("%", since)}`;
    if (banner.textContent !== said) {
      const text = document.createElement("span");
      text.textContent = said;
      banner.replaceChildren(text);
      root.style.setProperty("--cw-stopped", JSON.stringify(words.old.replaceAll("%", since)));
    }
  }

  function resumed() {
    if (banner === null) return;
    banner.remove();
    banner = null;
    document.documentElement.classList.remove("cw-stopped");
  }

  setInterval(() => {
    const now = performance.now(), seen = document.querySelector(".cw-pulse")?.dataset.beat ?? null;
    if (seen !== null && seen !== beat) {
      if (beat !== null) resumed();
      beat = seen;
      last = now;
    } else if (now - last > LIMIT_MS) {
      stopped(now - last);
    }
  }, EVERY_MS);
})();
