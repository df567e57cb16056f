import { graphlib, layout } from '@dagrejs/dagre';

/** A step as the layout needs it. */
export interface LaidStep {
  /** Full id; the ids of the steps around it are its beginnings up to a dot. */
  id: string;
  /** Full ids of the steps that must have ended before. */
  after: readonly string[];
}

/** What is drawn as one box: a step, or a closed level with all its steps. */
export interface ShownBox {
  id: string;
  /** Ids of the steps that it stands for; its own for a step. */
  steps: readonly string[];
  isLevel: boolean;
  /** The innermost open level around it; null at the top. */
  level: string | null;
  /** Ids of boxes. */
  after: readonly string[];
}

export interface Rectangle {
  /** Of its centre. */
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedBox extends ShownBox, Rectangle {}

/** An open level, as a frame around its boxes. */
export interface PlacedFrame extends Rectangle {
  id: string;
}

export interface PlacedEdge {
  from: string;
  to: string;
  points: readonly { x: number; y: number }[];
}

export interface Drawing {
  width: number;
  height: number;
  boxes: readonly PlacedBox[];
  frames: readonly PlacedFrame[];
  edges: readonly PlacedEdge[];
}

/** From left to right, or from top to bottom where there is little width. */
export type Direction = 'LR' | 'TB';

export const boxSize = { width: 190, height: 50 } as const;
const marginOfFrames = 8;

/** Full ids of the levels that have steps inside, outer ones first. */
export function levelsOf(steps: readonly LaidStep[]): string[] {
  const levels = new Set<string>();
  for (const { id } of steps) for (const around of aroundOf(id)) levels.add(around);
  return [...levels].sort();
}

/** The boxes of a graph of which some levels are open. A closed level stands for all that is in it. */
export function boxesOf(steps: readonly LaidStep[], open: ReadonlySet<string>): ShownBox[] {
  const levels = new Set(levelsOf(steps));
  const levelsOver = (id: string): string[] => [...aroundOf(id), ...(levels.has(id) ? [id] : [])];
  const boxOf = (id: string): string => levelsOver(id).find((level) => !open.has(level)) ?? id;
  const boxes = new Map<string, { steps: string[]; after: Set<string> }>();
  for (const { id, after } of steps) {
    const at = boxOf(id);
    const box = boxes.get(at) ?? { steps: [], after: new Set<string>() };
    box.steps.push(id);
    for (const one of after) if (boxOf(one) !== at) box.after.add(boxOf(one));
    boxes.set(at, box);
  }
  return [...boxes].map(([id, { steps: inside, after }]) => ({
    id,
    steps: inside,
    isLevel: levels.has(id) && !open.has(id),
    level: levelsOver(id).findLast((level) => open.has(level)) ?? null,
    after: [...after],
  }));
}

/** Places boxes in ranks by their order, with open levels as frames around theirs. */
export function drawingOf(boxes: readonly ShownBox[], direction: Direction): Drawing {
  const graph = new graphlib.Graph({ compound: true });
  // Measured on 500 steps in 25 levels: 1.1 s with this ranker, 6.2 s with the usual one.
  const ranker = 'tight-tree';
  graph.setGraph({
    rankdir: direction,
    ranker,
    nodesep: 18,
    ranksep: 44,
    edgesep: 10,
    marginx: 16,
    marginy: 16,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const frames = new Set<string>();
  for (const { level } of boxes)
    for (const id of level === null ? [] : [...aroundOf(level), level]) frames.add(id);
  for (const id of frames) graph.setNode(frameName(id), {});
  for (const { id } of boxes) graph.setNode(id, { ...boxSize });
  for (const id of frames) {
    const around = aroundOf(id).at(-1);
    if (around !== undefined) graph.setParent(frameName(id), frameName(around));
  }
  for (const { id, level } of boxes) if (level !== null) graph.setParent(id, frameName(level));
  for (const { id, after } of boxes) for (const one of after) graph.setEdge(one, id);
  layout(graph);
  const place = (name: string): Rectangle => {
    const { x, y, width, height } = graph.node(name) as Rectangle;
    return { x, y, width, height };
  };
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return {
    width,
    height,
    boxes: boxes.map((box) => ({ ...box, ...place(box.id) })),
    frames: [...frames].map((id) => {
      const frame = place(frameName(id));
      return {
        id,
        ...frame,
        width: frame.width + marginOfFrames,
        height: frame.height + marginOfFrames,
      };
    }),
    edges: graph.edges().map(({ v, w }) => ({
      from: v,
      to: w,
      points: (graph.edge(v, w) as { points: PlacedEdge['points'] }).points,
    })),
  };
}

export type Way = 'forward' | 'back' | 'next' | 'previous';

/** Where an arrow key leads: along an edge, or to the neighbour in the same rank; null if nowhere. */
export function neighbourOf(
  { boxes, edges }: Drawing,
  from: string,
  way: Way,
  direction: Direction,
): string | null {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const own = byId.get(from);
  if (!own) return null;
  const across = (box: Rectangle): number => (direction === 'LR' ? box.y : box.x);
  const along = (box: Rectangle): number => (direction === 'LR' ? box.x : box.y);
  if (way === 'forward' || way === 'back') {
    const ids = edges.flatMap((edge) =>
      way === 'forward' ? (edge.from === from ? edge.to : []) : edge.to === from ? edge.from : [],
    );
    const nearest = ids
      .flatMap((id) => byId.get(id) ?? [])
      .toSorted((a, b) => Math.abs(across(a) - across(own)) - Math.abs(across(b) - across(own)));
    return nearest[0]?.id ?? null;
  }
  const rank = boxes
    .filter((box) => Math.abs(along(box) - along(own)) < 1)
    .toSorted((a, b) => across(a) - across(b));
  const at = rank.findIndex(({ id }) => id === from);
  return rank[way === 'next' ? at + 1 : at - 1]?.id ?? null;
}

/** The ids of the levels around a step, outer ones first. */
function aroundOf(id: string): string[] {
  const parts = id.split('.');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
}

/** Steps and levels can have the same id: a step with work of its own around others. */
function frameName(id: string): string {
  return `level ${id}`;
}
