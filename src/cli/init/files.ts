import type { NextApp } from './next-app.ts'

/** A file of an app as it should be. */
export interface AppFile {
  /** From the app's root, with `/`. */
  path: string
  content: string
}

export interface InitChoices {
  /** People sign in through Clerk. */
  clerk: boolean
  /** A scheduler has to call, since nothing runs between requests. */
  cron: boolean
}

/**
 * What `postern init` writes into an app, besides the line in .gitignore: in the form that create-next-app gives to
 * sources, and not in ours.
 */
export function filesFor({ base }: Pick<NextApp, 'base'>, { clerk, cron }: InitChoices): AppFile[] {
  return [
    { path: 'postern.config.ts', content: clerk ? settingsWithClerk(cron) : settings(cron) },
    { path: `${base}postern.ts`, content: instance(base === '' ? './' : '../') },
    { path: `${base}proxy.ts`, content: clerk ? proxyWithClerk : proxy },
    { path: `${base}app/api/agents/whoami/route.ts`, content: sampleRoute },
    {
      path: `${base}app/admin/api-keys/[[...path]]/route.ts`,
      content: clerk ? adminPageWithClerk : adminPage,
    },
    ...(cron ? [{ path: `${base}app/postern/tick/route.ts`, content: cronRoute }] : []),
  ]
}

/** What to put into a `proxy.ts` or `middleware.ts` that is there already. */
export const proxyByHand = `import { postern } from "./postern";

// \`existing\` is what the file exports today. It is asked about people's pages
// and public ones; what its matcher left out it has to let pass by itself.
export const proxy = postern.proxy({ otherwise: existing });

export const config = { matcher: "/:path*" };
`

const settingsComment = `/**
 * Read by the app and by the postern command. The first route that matches
 * decides; what none matches is refused.
 */`

const commonSettings = `  // Keys and trail are in Postgres if DATABASE_URL is set, and otherwise in
  // ./.postern: for one server with a disk, not for serverless.

  // How many proxies in front each add to X-Forwarded-For. Unless it is set,
  // addresses of clients are not recorded.
  // trustedHops: 1,
`

const agentRoutes = `    // Agents, by service key.
    { path: "/api/agents/*", accepts: ["service-key"] },
    // { path: "/api/mcp", mcp: true, accepts: ["service-key"] },
`

// The page must answer whoever isn't signed in, and its API programs with a management key.
const adminPageRoutes = `    // The page where keys are managed: its own route.ts says who may.
    { path: "/admin/api-keys", public: true },
    { path: "/admin/api-keys/*", public: true },
`

// Not under /api: there a public route is what `postern doctor` warns of.
const cronRouteSettings = `    // The scheduler: the route asks for CRON_SECRET itself.
    { path: "/postern/tick", public: true },
`

function settings(cron: boolean): string {
  return `import { defineConfig } from "postern";

${settingsComment}
export default defineConfig({
${commonSettings}
  routes: [
${agentRoutes}${adminPageRoutes}${cron ? cronRouteSettings : ''}    // Everyone. Public routes leave no trail.
    { path: "/", public: true },
    { path: "/favicon.ico", public: true },
    // People, once \`sessions\` says whose session a request carries:
    // (request) => ({ id: … }), or null.
    // { path: "/*", accepts: ["session"] },
  ],
});
`
}

function settingsWithClerk(cron: boolean): string {
  return `import { clerk, defineConfig } from "postern";

const {
  CLERK_JWT_KEY,
  CLERK_ISSUER = "",
  APP_ORIGIN = "http://localhost:3000",
} = process.env;

${settingsComment}
export default defineConfig({
${commonSettings}
  // The public key, and the URL of the Frontend API, as Clerk's dashboard shows
  // them. Nothing is asked of Clerk over the network.
  sessions: clerk({
    jwtKey: CLERK_JWT_KEY,
    issuer: CLERK_ISSUER,
    authorizedParties: [APP_ORIGIN],
  }),

  routes: [
${agentRoutes}${adminPageRoutes}${cron ? cronRouteSettings : ''}    // Everyone. Public routes leave no trail.
    { path: "/sign-in", public: true },
    { path: "/sign-in/*", public: true },
    { path: "/sign-up", public: true },
    { path: "/sign-up/*", public: true },
    { path: "/favicon.ico", public: true },
    // People, by session: all the rest.
    { path: "/*", accepts: ["session"] },
  ],
});
`
}

function instance(toRoot: './' | '../'): string {
  return `import { createPostern } from "postern/next";
import settings from "${toRoot}postern.config";

/** Postern, once for the whole app: proxy.ts and the routes import it from here. */
export const postern = createPostern(settings);
`
}

const matcher = `// Everything, since a narrower matcher can be bypassed; literal, since Next
// reads it while building.
export const config = { matcher: "/:path*" };
`

const proxy = `import { postern } from "./postern";

/** Every request passes the gate before it reaches the app. */
export const proxy = postern.proxy();

${matcher}`

const proxyWithClerk = `import { clerkMiddleware } from "@clerk/nextjs/server";
import { NextResponse } from "next/server";
import { postern } from "./postern";

const signIn = process.env.NEXT_PUBLIC_CLERK_SIGN_IN_URL ?? "/sign-in";

// Clerk is asked about people's pages and public ones. Whether a session is good
// Postern judges by itself. Without jwtKey Clerk would ask over the network.
const gate = postern.proxy({
  otherwise: clerkMiddleware({ jwtKey: process.env.CLERK_JWT_KEY }),
});

/**
 * Every request passes the gate before it reaches the app. A person without a
 * session is shown where to sign in.
 */
export const proxy: typeof gate = async (request, event) => {
  const answer = await gate(request, event);
  const isPage =
    request.method === "GET" &&
    request.headers.get("accept")?.includes("text/html") === true &&
    !request.nextUrl.pathname.startsWith("/api/");
  return answer.status === 401 && isPage
    ? NextResponse.redirect(new URL(signIn, request.url), 303)
    : answer;
};

${matcher}`

const sampleRoute = `import { postern } from "../../../../postern";

/**
 * Says who calls. A request without a good key, or one that came past the
 * proxy, is answered 401.
 */
export async function GET(request: Request): Promise<Response> {
  const { id, customer } = await postern.requireServiceUser(request);
  return Response.json({ serviceUserId: id, customer });
}
`

const adminPage = `import { postern } from "../../../../postern";

/**
 * The page where keys are managed, and its API. Nobody gets in until this says
 * who: make it (request) => { id, email, role: "admin" } for the person whose
 * session the request carries, and null for everyone else. "owner" sees the
 * service users of their own verified address, "auditor" reads.
 */
export const { GET, POST, PATCH, DELETE } = postern.adminPage({
  authorize: () => null,
});
`

const adminPageWithClerk = `import { clerkAuthorize } from "postern/next";
import { postern } from "../../../../postern";

const {
  CLERK_JWT_KEY,
  CLERK_ISSUER = "",
  APP_ORIGIN = "http://localhost:3000",
  POSTERN_ADMINS = "",
} = process.env;

const admins = POSTERN_ADMINS.split(",");

/**
 * The page where keys are managed, and its API: for the people whose Clerk user
 * ids are in POSTERN_ADMINS, separated by commas. Besides "admin" there are
 * "owner", who sees the service users of their own address, and "auditor".
 */
export const { GET, POST, PATCH, DELETE } = postern.adminPage({
  authorize: clerkAuthorize({
    jwtKey: CLERK_JWT_KEY,
    issuer: CLERK_ISSUER,
    authorizedParties: [APP_ORIGIN],
    role: ({ sub }) => (admins.includes(sub) ? "admin" : null),
  }),
});
`

const cronRoute = `import { postern } from "../../../postern";

/**
 * For a scheduler to call each minute with \`Authorization: Bearer …\`: the
 * secret, of at least 16 characters.
 */
export const GET = postern.cron({ secret: process.env.CRON_SECRET });
`
