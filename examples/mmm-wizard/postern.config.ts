import { clerk, defineConfig } from 'postern'
import { localSession } from './session.ts'

const { CLERK_JWT_KEY, CLERK_ISSUER, MMM_URL = 'http://127.0.0.1:3000' } = process.env

if ((CLERK_JWT_KEY === undefined) !== (CLERK_ISSUER === undefined))
  throw new Error('set both CLERK_JWT_KEY and CLERK_ISSUER, or neither')

/** Read by the app and by the `postern` command alike. */
export default defineConfig({
  prefixes: ['mmm'],
  headers: { serviceUser: 'x-mmm-service-user' },
  // Clerk where both are set; otherwise the example signs people in by itself.
  sessions:
    CLERK_JWT_KEY && CLERK_ISSUER
      ? clerk({ jwtKey: CLERK_JWT_KEY, issuer: CLERK_ISSUER, authorizedParties: [MMM_URL] })
      : localSession,
  routes: [
    { path: '/sign-in', public: true },
    { path: '/sign-in/*', public: true },
    // Its own route.ts says who may, and programs come with a management key.
    { path: '/admin/api-keys', public: true },
    { path: '/admin/api-keys/*', public: true },
    { path: '/api/mcp', mcp: true, accepts: ['service-key'] },
    { path: '/api/*', accepts: ['service-key'] },
    { path: '/*', accepts: ['session'] },
  ],
})
