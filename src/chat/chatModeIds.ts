/** The modes of every installation; others come from files. */
export const chatModeIds = ['direct', 'rag', 'structured', 'hybrid', 'agent'] as const;
export type ChatModeId = (typeof chatModeIds)[number];

export function isChatModeId(text: string): text is ChatModeId {
  return chatModeIds.some((id) => id === text);
}
