/** The ways to answer a question; each has a file in `modes/`. */
export const chatModeIds = ['direct', 'rag'] as const;
export type ChatModeId = (typeof chatModeIds)[number];
