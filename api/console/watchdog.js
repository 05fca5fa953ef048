/*
 * The page's own watchdog. The console's figures are pushed by the server; when the pushes stop, by a stuck server, a
 * killed one or a dead network, the last figures would stand there as if they were now. Every repaint of the server
 * changes the number in .cw-pulse; after LIMIT_MS without a change this says so, in place of the status line, and
 * marks every figure as old. Nothing here asks the server: it works when the server does not.
 *
 * And it sees to the way back. The framework's socket waits up to 5 s between two attempts, does not look when the
 * network returns, and after a timeout loads the page anew: in a tunnel that leaves the browser's own error page where
 * "not monitored" stood. Here it tries every second, at once when there is a network or the page is looked at again, and
 * the page is loaded anew only when the server has answered that it no longer knows it.
 */
(() => {
  const LIMIT_MS = 3000, EVERY_MS = 250, DEAD_MS = 10_000;
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

  let held = null, dialled = 0;

  /** The framework's socket, once it is there, with our way of coming back. */
  function hold() {
    const socket = window.socket;
    if (!socket || socket === held) return;
    held = socket;
    socket.io.reconnectionDelay(250);
    socket.io.reconnectionDelayMax(1000);
    socket.io.timeout(4000);
    socket.off("connect_error");
    socket.on("connect_error", (error) => {
      if (/handshake failed/i.test(error.message)) location.reload();
      // A proxy that lets no WebSocket through: the slower way is tried as well.
      else if (error.message === "timeout") socket.io.opts.transports = ["websocket", "polling"];
    });
  }

  /** A new connection in place of one that is dead, or that waits for its next attempt. */
  function dial() {
    if (held === null) return;
    dialled = performance.now();
    held.disconnect();
    held.connect();
  }

  window.addEventListener("online", dial);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && performance.now() - last > LIMIT_MS) dial();
  });

  setInterval(() => {
    hold();
    const now = performance.now(), seen = document.querySelector(".cw-pulse")?.dataset.beat ?? null;
    if (seen !== null && seen !== beat) {
      if (beat !== null) resumed();
      beat = seen;
      last = now;
    } else if (now - last > LIMIT_MS) {
      stopped(now - last);
      if (navigator.onLine && now - Math.max(last, dialled) > DEAD_MS) dial();
    }
  }, EVERY_MS);
})();
