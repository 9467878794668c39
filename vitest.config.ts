import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['test/programs.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'test/proofs/**'],
        },
      },
      {
        extends: true,
        // After all others: they bring a load of their own, and count what waits too long.
        test: { name: 'proofs', include: ['test/proofs/**/*.test.ts'], sequence: { groupOrder: 1 } },
      },
    ],
  },
})
