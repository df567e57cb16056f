/** A trace as MLflow's interface gives it back. */
export interface StoredTrace {
  trace_id: string;
  state: string;
  tags: Record<string, string>;
  trace_metadata: Record<string, string>;
}

export interface StoredSpan {
  name: string;
  span_id: string;
  parent_span_id: string | null;
  attributes: Record<string, unknown>;
  status: { code: string; message: string };
}

interface Value {
  string_value?: string;
  bool_value?: boolean;
  int_value?: string | number;
  double_value?: number;
  array_value?: { values?: Value[] };
  kvlist_value?: { values?: { key: string; value: Value }[] };
}

async function ask<T>(url: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export async function experimentIdOf(mlflow: string, name = 'tidyllm'): Promise<string> {
  const url = `${mlflow}/api/2.0/mlflow/experiments/get-by-name?experiment_name=${name}`;
  const { experiment } = await ask<{ experiment: { experiment_id: string } }>(url);
  return experiment.experiment_id;
}

/** All traces of an experiment, or those that a filter finds. */
export async function tracesIn(mlflow: string, name = 'tidyllm', filter?: string): Promise<StoredTrace[]> {
  const experiment_id = await experimentIdOf(mlflow, name);
  const traces: StoredTrace[] = [];
  let page_token: string | undefined;
  do {
    const page = await ask<{ traces?: StoredTrace[]; next_page_token?: string }>(
      `${mlflow}/api/3.0/mlflow/traces/search`,
      {
        locations: [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id } }],
        max_results: 200,
        filter,
        page_token,
      },
    );
    traces.push(...(page.traces ?? []));
    page_token = page.next_page_token || undefined;
  } while (page_token !== undefined);
  return traces;
}

/** The spans of a trace, the root first. */
export async function spansOf(mlflow: string, traceId: string): Promise<StoredSpan[]> {
  interface Raw extends Omit<StoredSpan, 'attributes'> {
    attributes: { key: string; value: Value }[];
  }
  const { trace } = await ask<{ trace: { spans: Raw[] } }>(
    `${mlflow}/api/3.0/mlflow/traces/get?trace_id=${traceId}`,
  );
  return trace.spans.map((span) => ({ ...span, attributes: membersOf(span.attributes) }));
}

function membersOf(values: readonly { key: string; value: Value }[]): Record<string, unknown> {
  return Object.fromEntries(values.map(({ key, value }) => [key, plain(value)]));
}

function plain({ array_value: array, kvlist_value: list, ...value }: Value): unknown {
  if (array) return (array.values ?? []).map(plain);
  if (list) return membersOf(list.values ?? []);
  return value.string_value ?? value.bool_value ?? value.int_value ?? value.double_value;
}

export interface StoredRun {
  info: { run_id: string; run_name: string; status: string };
  data: {
    metrics?: { key: string; value: number }[];
    params?: { key: string; value: string }[];
    tags?: { key: string; value: string }[];
  };
}

export async function runsIn(mlflow: string, name = 'tidyllm'): Promise<StoredRun[]> {
  const experiment_ids = [await experimentIdOf(mlflow, name)];
  const { runs = [] } = await ask<{ runs?: StoredRun[] }>(`${mlflow}/api/2.0/mlflow/runs/search`, {
    experiment_ids,
    max_results: 100,
  });
  return runs;
}

/** The traces that are linked to a run. */
export async function tracesOfRun(mlflow: string, runId: string, name = 'tidyllm'): Promise<string[]> {
  const traces = await tracesIn(mlflow, name, `attribute.run_id = '${runId}'`);
  return traces.map((trace) => trace.trace_id);
}
