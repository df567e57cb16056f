import { resolve } from 'node:path';

/**
 * Chunks for bundles whose entry points share much: modules that the same of a few roots always load stand in one file.
 * Every file costs a start half a millisecond and more, and a bundler separate makes one for every set of its hundred entry
 * points that share a module.
 * @param {{ entries: readonly string[], roots: readonly string[], separate: string }} options `roots` load at once what they
 *   import. What `separate` may ever load is kept from what only others do, and can't be loaded without the editor.
 * @returns {import('rolldown').CodeSplittingOptions}
 */
export function sharedChunks({ entries, roots, separate }) {
  /** @type {Map<string, string> | undefined} */
  let names;
  return {
    includeDependenciesRecursively: false,
    groups: [
      {
        debugName: 'shared',
        name: (module, context) => {
          names ??= namesOf((id) => context.getModuleInfo(id), { entries, roots, separate });
          return names.get(module) ?? null;
        },
      },
    ],
  };
}

/** The chunk of each module that a root imports, named by its roots. */
function namesOf(getModuleInfo, { entries, roots, separate }) {
  const ever = reached(getModuleInfo, separate, (info) => [
    ...info.importedIds,
    ...info.dynamicallyImportedIds,
  ]);
  const names = new Map();
  for (const root of roots)
    for (const module of reached(getModuleInfo, root, (info) => info.importedIds)) {
      const before = names.get(module) ?? (ever.has(module) ? 'shared' : 'other');
      names.set(module, `${before}-${root.replace(/.*\/(\w+)\.ts$/, '$1')}`);
    }
  // An entry point waits for its work, and what its chunk held would wait with it.
  for (const entry of entries) names.delete(resolve(entry));
  return names;
}

function reached(getModuleInfo, root, next) {
  const found = new Set();
  const visit = (module) => {
    const info = getModuleInfo(module);
    if (found.has(module) || !info || info.isExternal) return;
    found.add(module);
    for (const one of next(info)) visit(one);
  };
  visit(resolve(root));
  return found;
}
