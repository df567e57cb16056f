import { Fragment } from 'preact';
import { t } from '../../webviewKit/l10n.ts';

/** The fields of a checked answer as a form, with their JSON below. Null if the text is no JSON object. */
export function Fields({ json, onCopy }: { json: string; onCopy: () => void }) {
  const value = objectIn(json);
  if (!value) return null;
  return (
    <>
      <FieldList value={value} />
      <details>
        <summary>{t('JSON')}</summary>
        <pre tabIndex={0} dir="ltr">
          {json}
        </pre>
        <button type="button" class="button secondary" onClick={onCopy}>
          {t('Copy JSON')}
        </button>
      </details>
    </>
  );
}

function FieldList({ value }: { value: object }) {
  return (
    <dl class="fields">
      {Object.entries(value as Record<string, unknown>).map(([name, one]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd dir="auto">
            <Value value={one} />
          </dd>
        </Fragment>
      ))}
    </dl>
  );
}

function Value({ value }: { value: unknown }) {
  if (Array.isArray(value))
    return (
      <ul>
        {(value as unknown[]).map((one, index) => (
          <li key={index}>
            <Value value={one} />
          </li>
        ))}
      </ul>
    );
  if (typeof value === 'object' && value !== null) return <FieldList value={value} />;
  if (typeof value === 'boolean') return <>{value ? t('yes') : t('no')}</>;
  return <>{typeof value === 'number' ? value.toLocaleString() : String(value)}</>;
}

/** Whether a text is a JSON object. */
export function isObject(json: string): boolean {
  return objectIn(json) !== null;
}

function objectIn(json: string): object | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
