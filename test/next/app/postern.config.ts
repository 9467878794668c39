import { clerk, defineConfig } from 'postern'

const { CLERK_JWT_KEY, JWT_ISSUER } = process.env

const people: Record<string, string> = { 'session=ada': 'ada', 'session=grace': 'grace' }

export default defineConfig({
  prefixes: ['mmm'],
  headers: { serviceUser: 'x-mmm-service-user' },
  trustedHops: 1,
  sessions:
    CLERK_JWT_KEY === undefined
      ? (request) => {
          const cookie = request.headers.get('cookie') ?? ''
          if (!cookie.includes('session=')) return null
          const id = people[cookie]
          if (id === undefined) throw new Error('this session is none')
          return { id }
        }
      : clerk({
          jwtKey: CLERK_JWT_KEY,
          issuer: 'https://clerk.example.com',
          authorizedParties: ['https://app.example.com'],
        }),
  issuers:
    JWT_ISSUER === undefined
      ? []
      : [
          {
            issuer: JWT_ISSUER,
            jwksUrl: `${JWT_ISSUER}/jwks`,
            audience: 'https://api.example.com',
            algorithms: ['RS256'],
          },
        ],
  routes: [
    { path: '/', public: true },
    { path: '/login', public: true },
    { path: '/api/health', public: true },
    { path: '/api/runs', public: true },
    { path: '/admin/api-keys', public: true },
    { path: '/admin/api-keys/*', public: true },
    { path: '/api/mcp', mcp: true, accepts: ['service-key'] },
    { path: '/api/wrapped/mcp', mcp: true, accepts: ['service-key'] },
    // A route for JWTs takes an issuer in the settings.
    ...(JWT_ISSUER === undefined
      ? []
      : [
          { path: '/api/jobs', accepts: ['jwt' as const] },
          { path: '/api/wrapped/jobs', accepts: ['jwt' as const] },
        ]),
    { path: '/api/people', accepts: ['session'] },
    { path: '/api/wrapped/people', accepts: ['session'] },
    { path: '/people/*', accepts: ['session'] },
    { path: '/pages/*', accepts: ['service-key'] },
    { path: '/api/*', accepts: ['service-key'] },
  ],
  log: { level: 'warn' },
})
