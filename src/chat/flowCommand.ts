/** Whether a message is nothing but a trigger with parameters: `[Cost Analysis] days=7`. */
export function isFlowCommand(message: string): boolean {
  // No two parts can take the same character, so that no message takes long.
  return /^\s*\[[^\]\n]+\](?:\s+\w+=(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']\S*)?)*\s*$/.test(message);
}
