"""The desk of policies: which there are, whether a rule is one, and what they would say now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockgate.core.admission import Admission
from lockgate.core.deployment import Kind
from lockgate.core.environment import Environment
from lockgate.core.errors import NotFound, Problem
from lockgate.core.facts import document, span_text
from lockgate.core.plan import Plan
from lockgate.core.policy import Parameter, ParameterKind, Policy, RuleProblem
from lockgate.core.release import Release
from lockgate.engine import naming
from lockgate.engine.policies import Panel
from lockgate.gates import policy as gate
from lockgate.messages import CheckPolicy, PolicyAnswer, PolicyPlace, PolicyTrial, PolicyView, TryPolicies
from lockgate.ports import Clock


@dataclass(frozen=True, slots=True)
class PolicyDesk:
    """``shelf``: the policies there are, by name; it raises Invalid as the catalogue does."""

    panel: Panel
    clock: Clock
    plan: Callable[[Release, Environment], Plan]
    shelf: Callable[[], Mapping[str, Policy]]

    def list(self) -> tuple[PolicyView, ...]:
        """All there are, each with the environments that it judges."""
        environments = self.panel.catalogue().in_order()
        return tuple(_view(policy, environments) for policy in self.shelf().values())

    def check(self, request: CheckPolicy) -> tuple[Problem, ...]:
        """What is wrong with a rule that is not written down yet. Raises ComponentMissing, Unavailable."""
        parameters = {n: Parameter(ParameterKind.TEXT, value) for n, value in request.parameters.items()}
        policy = Policy("request", request.rule, request.message, parameters=parameters)
        return tuple(_problem(policy, problem) for problem in self.panel.policies.check(policy))

    def attempt(self, request: TryPolicies) -> PolicyTrial:
        """What they would say of a deployment, with the facts. Changes nothing. Raises NotFound, Invalid,
        CapabilityMissing, and whatever keeps policies from being judged."""
        environment = self.panel.catalogue().get(request.environment)
        release = naming.find_release(self.panel.store, request.application, request.release)
        rules = self._rules(environment, request.policy)
        kind = Kind.ROLLBACK if request.rollback else Kind.DEPLOY
        plan = self.plan(release, environment)
        asking = Admission(release, environment, plan, kind, request.actor, request.reason, request.urgent)
        facts = self.panel.facts(asking, self.clock.now() if request.at is None else request.at)
        judged = self.panel.judged(rules, facts) if rules else ()
        verdict = gate.evaluate(gate.Facts(environment.name, len(rules), judged), self.clock.now())
        return PolicyTrial(
            application=release.name,
            environment=environment.name,
            release=release.id,
            release_label=release.label(),
            facts=document(facts),
            unknown=dict(facts.unknown),
            answers=tuple(_answer(policy, one) for policy, one in zip(rules, judged, strict=True)),
            answer=verdict.answer.value,
            because=verdict.because,
        )

    def _rules(self, environment: Environment, wanted: str) -> tuple[Policy, ...]:
        """All that judge there; or the one, with its parameters there if it has some."""
        mine = environment.rules or ()
        if not wanted:
            return mine
        known = self.shelf()
        if wanted not in known:
            raise NotFound(f"There is no policy {wanted!r}.", f"The policies are: {', '.join(known)}.")
        return tuple(policy for policy in mine if policy.name == wanted) or (known[wanted],)


def parameter_text(parameter: Parameter) -> str:
    """For people."""
    value = parameter.value
    if parameter.kind is ParameterKind.SPAN:
        return span_text(float(str(value)))
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(policy: Policy) -> dict[str, str]:
    return {name: parameter_text(parameter) for name, parameter in policy.parameters.items()}


def _view(policy: Policy, environments: tuple[Environment, ...]) -> PolicyView:
    return PolicyView(
        name=policy.name,
        about=policy.about,
        rule=policy.rule,
        message=policy.message,
        mode=policy.mode.value,
        otherwise=policy.otherwise.value,
        digest=policy.digest,
        source=policy.source,
        parameters=_texts(policy),
        tests=len(policy.tests),
        environments=tuple(
            PolicyPlace(environment.name, used.mode.value, used.digest, _texts(used))
            for environment in environments
            for used in environment.rules or ()
            if used.name == policy.name
        ),
    )


def _answer(policy: Policy, judged: gate.Judged) -> PolicyAnswer:
    return PolicyAnswer(
        policy.name, policy.digest, policy.mode.value, judged.holds, judged.answer.value, judged.because
    )


def _problem(policy: Policy, problem: RuleProblem) -> Problem:
    text = policy.rule if problem.part == "rule" else policy.message
    if problem.offset is None:
        return Problem("request", None, problem.part, problem.because, problem.mend)
    line = text.count("\n", 0, problem.offset) + 1
    because = f"at character {problem.offset + 1}: {problem.because}"
    return Problem("request", line, problem.part, because, problem.mend)
