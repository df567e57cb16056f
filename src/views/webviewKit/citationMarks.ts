/** Numbers in square brackets, as an answer cites its sources: `[1]` or `[1, 2]`. */
const citation = /(\[\d{1,4}(?:\s*,\s*\d{1,4})*\])/;
/** Here a number in brackets is no citation, or would be a button in another one. */
const elsewhere = 'pre, code, a, button';

/**
 * Makes the numbers of these sources in a drawn text buttons with `data-citation`. The sources' places are by number.
 */
export function markCitations(
  root: Element,
  sources: ReadonlyMap<number, string>,
  labelOf: (source: [number: number, place: string]) => string,
): void {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const cited: Text[] = [];
  for (let node = texts.nextNode(); node; node = texts.nextNode())
    if (node instanceof Text && !node.parentElement?.closest(elsewhere) && citation.test(node.data))
      cited.push(node);
  for (const text of cited) text.replaceWith(...marked(text.data, sources, labelOf));
}

function marked(
  text: string,
  sources: ReadonlyMap<number, string>,
  labelOf: (source: [number: number, place: string]) => string,
): (string | Element)[] {
  return text.split(citation).flatMap((part) =>
    citation.test(part)
      ? part.split(/(\d+)/).map((piece) => {
          const number = Number(piece);
          const place = sources.get(number);
          return place === undefined ? piece : button(piece, number, labelOf([number, place]));
        })
      : [part],
  );
}

function button(text: string, source: number, label: string): Element {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'link';
  made.dataset['citation'] = String(source);
  made.title = label;
  made.setAttribute('aria-label', label);
  made.textContent = text;
  return made;
}
