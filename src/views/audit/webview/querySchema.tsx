import { t } from '../../webviewKit/l10n.ts';
import type { QuerySchema } from '../protocol.ts';

/** The tables, columns and functions; a click inserts the name. */
export function QuerySchemaPane({
  schema: { tables, functions },
  onInsert,
}: {
  schema: QuerySchema;
  onInsert: (word: string) => void;
}) {
  return (
    <section class="query-schema" aria-label={t('Tables and functions')}>
      {tables.map(({ name, meaning, columns }) => (
        <details key={name} open={name === 'days'}>
          <summary title={meaning}>{name}</summary>
          <Names
            label={t('Columns of {0}', name)}
            names={columns.map((column) => ({
              word: column.name,
              shown: column.name,
              title: column.meaning,
            }))}
            onInsert={onInsert}
          />
        </details>
      ))}
      <details>
        <summary>{t('Functions')}</summary>
        <Names
          label={t('Functions')}
          names={functions.map(({ name, call, meaning }) => ({
            word: `${name}(`,
            shown: call,
            title: meaning,
          }))}
          onInsert={onInsert}
        />
      </details>
    </section>
  );
}

interface NamesProperties {
  label: string;
  names: readonly { word: string; shown: string; title: string }[];
  onInsert: (word: string) => void;
}

function Names({ label, names, onInsert }: NamesProperties) {
  return (
    <ul aria-label={label}>
      {names.map(({ word, shown, title }) => (
        <li key={word}>
          <button type="button" class="link" title={title} onClick={() => onInsert(word)}>
            {shown}
          </button>
        </li>
      ))}
    </ul>
  );
}
