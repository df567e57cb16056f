import type { ChatMode } from '../chatMode.ts';

/** The model answers the conversation as it is. */
export const direct: ChatMode = { id: 'direct', over: (calls) => calls };
