/** Whether a key belongs to the input method that composes a character. Safari says so only by the key code. */
export function isComposing(event: KeyboardEvent): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else says it there
  return event.isComposing || event.keyCode === 229;
}
