/** A workflow to begin with, as it stands: two steps of a model at once, and one that joins them. */
export const workflowTemplate = `# A workflow: steps that depend on each other. Meaning and completion are shown while you write.
# Run it with the link above, with "TidyLLM: Run Workflow…", or with tidyllm workflow run.
name: Release notes
# The most that a run may cost, USD; held while it runs.
cost_limit_usd: "0.20"
inputs:
  # null: it must be given for each run.
  changes: null
steps:
  # These two wait for nothing, so they run at the same time.
  - id: summary
    type: ai_processing
    config:
      prompt: |
        Say what these changes mean for the people who use the program, one line each:
        {{inputs.changes}}
      max_tokens: 400
  - id: risks
    type: ai_processing
    config:
      prompt: |
        Which of these changes may break what somebody relies on, and why?
        {{inputs.changes}}
      max_tokens: 400
  # Their results are joined, so this one waits for both.
  - id: notes
    type: ai_processing
    depends_on: [summary, risks]
    config:
      prompt: |
        Write release notes from this summary and these risks.
        {{summary}}

        {{risks}}
      max_tokens: 800
`;
