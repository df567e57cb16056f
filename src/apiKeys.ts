/** The services that are called with an API key, and the variables that hold it. */
export const apiKeyVariables = {
  anthropic: 'ANTHROPIC_API_KEY',
  openai: 'OPENAI_API_KEY',
  compatible: 'COMPATIBLE_API_KEY',
} as const;

export type KeyedService = keyof typeof apiKeyVariables;
export const keyedServices = Object.keys(apiKeyVariables) as KeyedService[];
