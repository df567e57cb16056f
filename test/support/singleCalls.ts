/** Each request is one call of a model: retries, pauses and the cache have tests of their own. */
export const singleCalls = {
  TIDYLLM_RETRY_ATTEMPTS: '1',
  TIDYLLM_RETRY_PAUSE_AFTER_FAILURES: '0',
  TIDYLLM_CACHE_ENABLED: 'false',
};
