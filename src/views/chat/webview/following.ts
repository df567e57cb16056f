import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

const upwardKeys: ReadonlySet<string> = new Set(['ArrowUp', 'PageUp', 'Home']);

/** The end is in sight while at most this many pixels are below it. */
const nearEnd = 2;

/**
 * Keeps the end of a growing element, the first in `scroller`, in sight until the reader moves upwards: with one notch
 * of the wheel, a key or a drag. Reaching the end again, or `resume`, follows again; so does each change of `subject`.
 */
export function useFollowing(scroller: RefObject<HTMLElement | null>, subject: unknown) {
  const [following, setFollowing] = useState(true);
  /** What was last seen, for events between two renderings. */
  const seen = useRef({ following: true, top: 0, height: 0 });

  const follow = (value: boolean): void => {
    seen.current.following = value;
    setFollowing(value);
  };
  const look = (): void => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop: top, scrollHeight: height, clientHeight } = element;
    const { top: before, height: heightBefore } = seen.current;
    const atEnd = height - top - clientHeight <= nearEnd;
    // Content that shrinks moves upwards too, as does all content in a view that gets higher: its end stays in sight.
    if (top < before - 1 && height >= heightBefore && !atEnd) follow(false);
    else if (top > before && atEnd) follow(true);
    Object.assign(seen.current, { top, height });
  };
  const keepEnd = (): void => {
    look();
    const element = scroller.current;
    if (!element || !seen.current.following) return;
    element.scrollTop = element.scrollHeight;
    Object.assign(seen.current, { top: element.scrollTop, height: element.scrollHeight });
  };
  const moveUp = (): void => {
    if ((scroller.current?.scrollTop ?? 0) > 0) follow(false);
  };

  useLayoutEffect(() => follow(true), [subject]);
  useLayoutEffect(keepEnd);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(keepEnd);
    for (const observed of [element, element.firstElementChild]) if (observed) observer.observe(observed);
    return () => observer.disconnect();
  }, []);

  return {
    following,
    resume: () => {
      follow(true);
      keepEnd();
    },
    handlers: {
      onScroll: look,
      onWheel: ({ deltaY }: WheelEvent) => {
        if (deltaY < 0) moveUp();
      },
      onKeyDown: ({ key }: KeyboardEvent) => {
        if (upwardKeys.has(key)) moveUp();
      },
    },
  };
}
