import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** Where the page lies while it is worked on; the host says it in production. */
const mount = '/admin/api-keys'

/** The host writes this element into the page that it serves: every path is relative to it. */
const baseElement: Plugin = {
  name: 'postern-base-element',
  apply: 'serve',
  transformIndexHtml: () => [{ tag: 'base', attrs: { href: `${mount}/` }, injectTo: 'head-prepend' }],
}

export default defineConfig(({ command }) => {
  const target = process.env.POSTERN_ADMIN_URL ?? 'http://127.0.0.1:4243'
  return {
    base: command === 'serve' ? `${mount}/` : './',
    plugins: [react(), tailwindcss(), baseElement],
    server: {
      host: '127.0.0.1',
      // The server compares the origin with its own.
      proxy: {
        [`${mount}/api`]: { target, changeOrigin: true, headers: { origin: new URL(target).origin } },
      },
    },
    build: {
      outDir: 'dist',
      emptyOutDir: true,
      // What all browsers with light-dark() have.
      target: ['chrome123', 'firefox120', 'safari17.5'],
      cssCodeSplit: false,
      modulePreload: false,
      assetsInlineLimit: 0,
      reportCompressedSize: true,
      // One file is the point; its gzipped size is held by test/ui/bundle.test.ts.
      chunkSizeWarningLimit: 1_000,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  }
})
