/**
 * `node:http` for bundles, required: an import of it makes every export at once, and `WebSocket` among them loads
 * Node's whole fetch, a tenth of a start of the command.
 * @type {import('esbuild').Plugin}
 */
export const lazyNodeHttp = {
  name: 'lazy-node-http',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?https?$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'lazy-node-http' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy-node-http' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }));
  },
};
