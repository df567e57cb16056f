const name = 'lazy-node-http';
const filter = /^(node:)?https?$/;
const prefix = `\0${name}:`;

/** @param {string} path */
const contents = (path) => `module.exports = require(${JSON.stringify(path)})`;

/**
 * `node:http` for bundles, required: an import of it makes every export at once, and `WebSocket` among them loads
 * Node's whole fetch, a tenth of a start of the command. For both bundlers.
 */
export const lazyNodeHttp = {
  /** @type {import('rolldown').Plugin} */
  rolldown: {
    name,
    resolveId: {
      filter: { id: filter },
      handler: (id, _importer, { kind }) => (kind === 'import-statement' ? `${prefix}${id}` : null),
    },
    load: {
      filter: { id: new RegExp(`^${prefix}`) },
      handler: (id) => ({ code: contents(id.slice(prefix.length)), moduleType: 'js' }),
    },
  },
  /** @type {import('esbuild').Plugin} */
  esbuild: {
    name,
    setup({ onResolve, onLoad }) {
      onResolve({ filter }, ({ kind, path }) =>
        kind === 'import-statement' ? { path, namespace: name } : undefined,
      );
      onLoad({ filter: /.*/, namespace: name }, ({ path }) => ({ contents: contents(path) }));
    },
  },
};
