/** Whether a message is nothing but a trigger with parameters: `[Cost Analysis] days=7`. */
export function isFlowCommand(message: string): boolean {
  // No two parts match the same character, so matching takes linear time.
  return /^\s*\[[^\]\n]+\](?:\s+\w+=(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"']\S*)?)*\s*$/.test(message);
}
