// An identity provider for the tests, shaped like OpenText's OSP: its issuer has a path. Who signs in
// is told by the address that a test opens; there is no page to fill in.
//   node provider.mjs PORT CALLBACK LOGOUT
import http from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.OIDC_MODULES + "/");
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const [port, callback, logout] = process.argv.slice(2);
const path = "/osp/a/idm/auth/oauth2";
const issuer = `http://127.0.0.1:${port}${path}`;
// The claims of each subject; a test may change them.
const people = {};

const provider = new Provider(issuer, {
  clients: [{
    client_id: "recert",
    client_secret: "a secret of the tests that is long enough",
    redirect_uris: [callback],
    post_logout_redirect_uris: [new URL("/sign-in", callback).href],
    backchannel_logout_uri: logout,
    backchannel_logout_session_required: true,
  }],
  claims: { openid: ["sub", "sid"], email: ["email", "email_verified"], profile: ["name", "groups"] },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  interactions: { url: (_, interaction) => `${path}/interaction/${interaction.uid}` },
  async findAccount(_, sub) {
    return { accountId: sub, claims: async () => ({ sub, ...people[sub] }) };
  },
  pkce: { required: () => true },
  cookies: { keys: ["of the tests"] },
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const handle = provider.callback();
let next = "alice";

http.createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === "/tests/person") { // PUT {"sub": ..., claims}: who signs in next
    let body = "";
    for await (const part of request) body += part;
    const { sub, ...claims } = JSON.parse(body);
    people[sub] = claims;
    next = sub;
    return response.end("ok");
  }
  if (url.pathname.startsWith(`${path}/interaction/`)) {
    request.url = request.url.slice(path.length);
    try {
      await provider.interactionFinished(request, response, { login: { accountId: next } });
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
    return undefined;
  }
  if (url.pathname.startsWith(path)) {
    request.originalUrl = request.url;
    request.url = request.url.slice(path.length) || "/";
    return handle(request, response);
  }
  response.statusCode = 404;
  return response.end("nothing here");
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
