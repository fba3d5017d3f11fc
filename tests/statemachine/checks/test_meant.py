"""Wherever there is something near to what was written, it is named."""

import pytest

from statemachine.definition import load_workflow

STEP = "{id: a, type: add_tag, config: {tag: x}}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (f"kye: x\nsteps: [{STEP}]", "'key'"),
        (f"key: x\ntimezone: Europe/Berln\nsteps: [{STEP}]", "'Europe/Berlin'"),
        (f"key: x\nentry: {{reentry: nevr}}\nsteps: [{STEP}]", "'never'"),
        (f"key: x\nretry: {{jiter: full}}\nsteps: [{STEP}]", "'jitter'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: snd_sms}}]", "'send_sms'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, nxt: a}}]", "'next'"),
        (f"key: x\nsteps: [{STEP}, {{id: bb, type: goto, config: {{to: bbb}}}}]", "'bb'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: wait, config: {{fro: 1d}}}}]", "'for'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: wait, config: {{duration: 1, unit: dyas}}}}]", "'days'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: wait, config: {{on: [{{event: r, brnch: x}}]}}}}]", "'branch'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: {{field: x, operator: eqals, value: 1}}}}]", "'equals'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: {{field: x, oprator: '>', value: 1}}}}]", "'operator'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: {{fild: x, operator: '>'}}}}]", "'field'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: {{type: scroe, operator: '>', value: 1}}}}]", "'score'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: {{days: [wendesday]}}}}]", "'wednesday'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: send_sms, config: {{body: '{{{{ x | upcse }}}}'}}}}]", "'upcase'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: pass, when: \"x.startWith('a')\"}}]", "'startsWith'"),
        (f"key: x\nsteps: [{STEP}, {{id: b, type: send_sms, config: {{body: '{{{{steps.bb.output}}}}'}}}}]", "'b'"),
        (f"key: x\nsteps: [{STEP}, {{id: c, type: if, config: {{expression: x}}, branches: {{tru: end}}}}]", "'true'"),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_named(text: str, meant: str) -> None:
    told = [f"{problem.message} {problem.suggestion}" for problem in load_workflow(text).problems]
    assert [each for each in told if f"did you mean {meant}" in each] != []
