import { render } from 'preact';
import { connect, keep } from '../../webviewKit/editorHost.ts';
import { FailureView } from '../../webviewKit/failure.tsx';
import { t } from '../../webviewKit/l10n.ts';
import { hostMessageSchema, type ViewMessage } from '../protocol.ts';
import { WorkflowView } from './workflow.tsx';
import '../../webviewKit/base.css';
import '../../webviewKit/page.css';
import './workflow.css';

const root = document.getElementById('root') ?? document.body;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  if (message.type === 'graph') {
    keep(message.kept);
    render(<WorkflowView graph={message.graph} post={post} />, root);
    return;
  }
  const openHealth = (): void => post({ type: 'run', command: 'tidyllm.refreshHealth' });
  const title = t('The workflow can’t be shown');
  render(<FailureView title={title} failure={message.failure} onOpenHealth={openHealth} />, root);
});
post({ type: 'ready' });
