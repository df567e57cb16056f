import { render } from 'preact';
import { connect, keep } from '../../webviewKit/editorHost.ts';
import { hostMessageSchema, type KeptReport, type ViewMessage } from '../protocol.ts';
import { ReportView } from './report.tsx';
import '../../webviewKit/base.css';
import '../../webviewKit/page.css';
import './report.css';

const root = document.getElementById('root') ?? document.body;

const post = connect<ViewMessage, typeof hostMessageSchema>(hostMessageSchema, (message) => {
  if (message.type === 'report') {
    const { runId, comparison } = message.report;
    keep({ runId, comparedWith: comparison?.runId ?? null } satisfies KeptReport);
  }
  render(<ReportView message={message} post={post} />, root);
});
post({ type: 'ready' });
