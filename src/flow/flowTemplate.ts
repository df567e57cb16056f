/** A file of agreements to begin with: one example of each kind, as comments, so that nothing runs by accident. */
export const flowTemplate = `# Agreements of this workspace: operations that anybody here may run by name.
# Meaning and completion are shown while you write. Run one with "TidyLLM: Run FLOW…".
agreements:
#  - trigger: "[Release Notes]"
#    flow_encoding: "@docs#release!write@changes"
#    expanded_meaning: Draft release notes from a list of changes.
#    action: release_notes
#    real_implementation: prompt
#    cost_limit_usd: "0.10"
#    parameters:
#      changes: { type: text, description: "The changes, one per line" }
#    prompt:
#      template: |
#        Write release notes for these changes:
#        {{changes}}
#      max_tokens: 800
#
#  - trigger: "[Weekly Cost]"
#    flow_encoding: "@cost#week!report@ledger"
#    expanded_meaning: What the last seven days came to.
#    action: weekly_cost
#    real_implementation: cost_analysis
#    parameters: { days: 7 }
#
#  - trigger: "[Unit Tests]"
#    flow_encoding: "@tests#unit!run@workspace"
#    expanded_meaning: Run the unit tests of this folder.
#    action: unit_tests
#    real_implementation: shell
#    shell: { command: npm test }
`;
