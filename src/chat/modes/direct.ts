import type { ChatMode } from '../chatMode.ts';

/** The model answers the unchanged conversation. */
export const direct: ChatMode = { id: 'direct', over: (calls) => calls };
