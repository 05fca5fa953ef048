/** Signs in, or takes an invitation: `/login#invitation=…` sets the password. A link may bring one in at once. */

const $ = (id) => document.getElementById(id);
const invitation = new URLSearchParams(location.hash.slice(1)).get("invitation");
const wanted = new URLSearchParams(location.search).get("next") || "/";
// Only to a page of this server: "//elsewhere" and "https:" are not.
const next = /^\/(?![/\\])/.test(wanted) ? wanted : "/";

const AWAY = "服务器没有应答，请稍后再试 the server does not answer, try again";

// What came of a sign-in by the other way.
const OIDC = {
  denied: "登录未被允许 the sign-in was not allowed there",
  unknown: "此身份在本系统没有账户，请联系管理员 this identity has no account here: ask an admin",
  failed: "登录未完成，请再试 the sign-in was not completed, try again",
  away: "登录服务没有应答，请稍后再试 the sign-in service does not answer, try again later",
};

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return [answer, await answer.json().catch(() => ({}))];
}

async function send(event) {
  event.preventDefault();
  $("send").disabled = true;
  $("said").textContent = "";
  try {
    const password = $("password").value;
    const [answer, said] = invitation
      ? await post("/api/v1/auth/invitation", { token: invitation, password, cookies: true })
      : await post("/api/v1/auth/login", { login: $("login").value, password, cookies: true });
    if (answer.ok) {
      location.replace(next);
      return;
    }
    const wait = answer.headers.get("Retry-After");
    const wrong = answer.status === 401 && !invitation;
    $("said").textContent = wrong
      ? "用户名或口令不正确 login or password is wrong"
      : answer.status === 401
        ? "邀请已使用或已过期，请重新索取 this invitation was used or is over: ask for another one"
        : answer.status === 429
          ? `尝试次数过多，请 ${wait} 秒后再试 too many attempts, wait ${wait} s`
          : said.title || AWAY;
    $("password").select();
  } catch {
    $("said").textContent = AWAY;
  } finally {
    $("send").disabled = false;
  }
}

async function ways() {
  try {
    const found = await (await fetch("/api/v1/auth/ways")).json();
    $("empty").hidden = found.empty !== true;
    if (found.oidc) {
      $("oidc").hidden = false;
      $("oidc").textContent = `用 ${found.oidc} 登录 sign in with ${found.oidc}`;
      $("oidc").href = `/api/v1/auth/oidc/start?next=${encodeURIComponent(next)}`;
    }
  } catch {
    $("said").textContent = AWAY;
  }
}

if (invitation) {
  $("names").hidden = true;
  $("login").required = false;
  $("rule").hidden = false;
  $("which").textContent = "请设置口令 choose a password";
  $("password").autocomplete = "new-password";
  history.replaceState(null, "", location.pathname + location.search); // not into the history of this browser
}
$("said").textContent = OIDC[new URLSearchParams(location.search).get("oidc")] || "";
$("form").addEventListener("submit", send);
(invitation ? $("password") : $("login")).focus();
ways();
