/** Every command of the extension; package.json declares the same ones. */
export const commandIds = [
  'tidyllm.openChat',
  'tidyllm.newConversation',
  'tidyllm.ask',
  'tidyllm.chooseModel',
  'tidyllm.chooseReason',
  'tidyllm.stopAnswer',
  'tidyllm.openBudget',
  'tidyllm.raiseCap',
  'tidyllm.acknowledgeOverruns',
  'tidyllm.reconnect',
  'tidyllm.connectAws',
  'tidyllm.logInToAws',
  'tidyllm.openSettingsFile',
  'tidyllm.openWorkspaceSettingsFile',
  'tidyllm.showSettings',
  'tidyllm.verifyAuditTrail',
  'tidyllm.openAuditHistory',
  'tidyllm.anchorNow',
  'tidyllm.rotateSigningKey',
  'tidyllm.revealLedger',
  'tidyllm.refreshHealth',
  'tidyllm.openHealthDashboard',
  'tidyllm.runDoctor',
  'tidyllm.showOutput',
] as const;

export type CommandId = (typeof commandIds)[number];
