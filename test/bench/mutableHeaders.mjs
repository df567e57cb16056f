// Portkey 1.15.2 adds headers to the answers of fetch, which Node.js doesn't let it: each answer gets headers of its own.
const original = globalThis.fetch;
globalThis.fetch = async (...given) => {
  const { body, status, statusText, headers } = await original(...given);
  return new Response(body, { status, statusText, headers: new Headers([...headers]) });
};
