import type { Turn } from '../../../chat/turn.ts';
import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { ViewMessage } from '../protocol.ts';
import './attachments.css';

type Attachments = NonNullable<Turn['attachments']>;
type Post = (message: ViewMessage) => void;

const icons: Readonly<Record<Attachments[number]['kind'], string>> = {
  file: 'file',
  selection: 'list-selection',
  folder: 'folder',
  problems: 'warning',
  diff: 'git-compare',
  terminal: 'terminal',
  symbol: 'symbol-method',
  text: 'note',
  image: 'file-media',
};

/** What goes with the next question; each can be removed. */
export function AttachmentChips({ attachments, post }: { attachments: Attachments; post: Post }) {
  if (attachments.length === 0) return null;
  return (
    <ul class="attachments" aria-label={t('Context of the question')}>
      {attachments.map((one) => {
        const remove = one.kind === 'text' ? t('Remove the text') : t('Remove {0}', one.name);
        return (
          <li key={one.id} class="attachment">
            <Name attachment={one} />
            <button
              type="button"
              class="icon-button"
              title={remove}
              aria-label={remove}
              onClick={() => {
                post({ type: 'removeAttachment', id: one.id });
                document.getElementById('question')?.focus();
              }}
            >
              <Icon name="close" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** What went with a question. */
export function SentAttachments({ attachments = [] }: { attachments: Turn['attachments'] }) {
  if (attachments.length === 0) return null;
  return (
    <ul class="attachments" aria-label={t('Sent with the question')}>
      {attachments.map((one) => (
        <li key={one.id} class="attachment">
          <Name attachment={one} />
        </li>
      ))}
    </ul>
  );
}

function Name({ attachment: { kind, name, bytes } }: { attachment: Attachments[number] }) {
  return (
    <>
      <Icon name={icons[kind]} />
      <span class="attachment-name" dir="auto" title={t('{0}, {1} bytes', name, bytes.toLocaleString())}>
        {name}
      </span>
    </>
  );
}

/** Attaches pasted images, and text that is too long for the field; resolves with whether it took the paste. */
export function takePaste(
  data: DataTransfer | null,
  isTooLong: (text: string) => boolean,
  post: Post,
): boolean {
  const files = [...(data?.files ?? [])];
  const text = data?.getData('text/plain') ?? '';
  if (files.length > 0 && text === '') void sendFiles(files, post);
  else if (isTooLong(text)) post({ type: 'attachText', text });
  else return false;
  return true;
}

/** Attaches dropped files: by their addresses if they are known, otherwise with what is in them. */
export function takeDrop(data: DataTransfer | null, post: Post): void {
  const list = data?.getData('application/vnd.code.uri-list') || data?.getData('text/uri-list') || '';
  const uris = list.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  if (uris.length > 0) post({ type: 'attachUris', uris });
  else void sendFiles([...(data?.files ?? [])], post);
}

async function sendFiles(files: readonly File[], post: Post): Promise<void> {
  const read = await Promise.all(
    files.map(async (file) => ({ name: file.name, data: await base64Of(file) })),
  );
  if (read.length > 0) post({ type: 'attachFiles', files: read });
}

/** Base64 of a file; that of one that is far too large begins with it, and is refused for its size. */
function base64Of(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(new Error('A file could not be read.'));
    reader.readAsDataURL(file.slice(0, mostReadBytes));
  });
}

/** More than any attachment has. */
const mostReadBytes = 4_200_000;
