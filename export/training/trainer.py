"""One step of training, and everything that must survive an interruption."""

import math
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.discriminators import ImageDiscriminator, MouthDiscriminator
from export.networks.interface import Generated, GeneratorNetwork, Preview
from export.training.batches import Batch
from export.training.losses import (
    L1_WEIGHT,
    MATCHING_WEIGHT,
    LossScales,
    PictureMeasure,
    adversarial_loss,
    cut_mouths,
    discriminator_loss,
    error_loss,
    flow_loss,
    matching_loss,
    painted_loss,
)
from export.training.plan import Plan
from export.training.recognition import RecognitionNetwork
from shared.channel import Channel

_BETAS = (0.9, 0.999)
_JUDGE_BETAS = (0.5, 0.99)
_WEIGHT_DECAY = 1e-4
_LARGEST_STEP = 2.0
"""Gradients longer than this many times their usual length are shortened to it."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """Unweighted terms of one step; nan for those that it has not."""

    l1: float
    recognition: float
    gradient: float
    warped_l1: float
    flow: float
    discriminator: float
    """0 before adversarial terms join in."""

    matching: float
    gradient_length: float


class Trainer:
    """A generator, its discriminators, their optimizers and averages."""

    def __init__(
        self,
        network: GeneratorNetwork,
        recognition: RecognitionNetwork,
        plan: Plan,
        device: torch.device,
    ) -> None:
        self.plan = plan
        self.device = device
        self.samples = 0
        self.scales = LossScales()
        self.network = _place(network, device)
        self.average = deepcopy(self.network).requires_grad_(False).eval()
        self.recognition = _place(recognition, device)
        self._measure = PictureMeasure(self.recognition)
        judges = nn.ModuleDict({"image": ImageDiscriminator(), "mouth": MouthDiscriminator()})
        self.judges = _place(judges, device)
        self.optimizer = _adam(self.network, plan.learning_rate, _BETAS)
        self.judge_optimizer = _adam(self.judges, plan.adversarial_learning_rate, _JUDGE_BETAS)
        self._usual_length = 0.0
        self._pncc = network.spec.planes(Channel.PNCC)
        self._mask = (
            network.spec.planes(Channel.MASK) if Channel.MASK in network.spec.channels else None
        )

    def generate(self, network: GeneratorNetwork, batch: Batch) -> Generated:
        """Features of each reference once, then all its driving frames."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            features = _features(network, batch)
            return network.generate(batch.conditions, features, batch.past_pncc)

    def step(self, batch: Batch) -> StepReport:
        """Learn from one batch, already on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.rate(self.samples)
        if self.plan.is_motion_alone(self.samples):
            preview = self._preview(batch)
            if preview is not None:
                return self._step_of_motion(batch, preview)
        adversarial = self.plan.is_adversarial(self.samples)
        generated = self.generate(self.network, batch)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            face = self._head(batch)
            own, warped = self._measure.terms(generated, batch.targets, face, batch.alignments)
            self.scales.learn(own)
            loss = self.scales.picture_loss(own) + self.scales.picture_loss(warped)
            mesh = self._mesh(batch)
            loss = loss + error_loss(generated.image, batch.targets, mesh)
            loss = loss + error_loss(generated.warped, batch.targets, mesh)
            learnt = generated.flow
            flow = loss.new_zeros(()) if learnt is None else flow_loss(learnt, batch.flows)
            loss = loss + painted_loss(generated, batch.targets) + flow
        judged = matching = 0.0
        if adversarial:
            judged = self._teach_judges(generated, batch)
            pleased, matched = self._please_judges(generated, batch)
            self.scales.learn_matching(matched, own.l1)
            loss = loss + pleased + MATCHING_WEIGHT * self.scales.matching * matched
            matching = matched.item()
        length = self._descend(loss, batch)
        return StepReport(
            l1=own.l1.item(),
            recognition=own.recognition.item(),
            gradient=own.gradient.item(),
            warped_l1=warped.l1.item(),
            flow=flow.item(),
            discriminator=judged,
            matching=matching,
            gradient_length=length,
        )

    def _preview(self, batch: Batch) -> Preview | None:
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return self.network.preview(batch.conditions, _features(self.network, batch))

    def _step_of_motion(self, batch: Batch, preview: Preview) -> StepReport:
        """Learn the motion alone, from measured flows and from what it makes of small pictures."""
        scale = batch.targets.shape[-1] // preview.picture.shape[-1]
        targets = functional.avg_pool2d(batch.targets, scale)
        l1 = (preview.picture - targets).abs().mean()
        distance = flow_loss(preview.flow, batch.flows)
        error = error_loss(preview.picture, targets, self._mesh(batch))
        loss = L1_WEIGHT * l1 + error + distance
        length = self._descend(loss, batch)
        return StepReport(
            l1=math.nan,
            recognition=math.nan,
            gradient=math.nan,
            warped_l1=l1.item(),
            flow=distance.item(),
            discriminator=math.nan,
            matching=math.nan,
            gradient_length=length,
        )

    def _head(self, batch: Batch) -> Tensor:
        """(B, 1, h, h) 1 on the driving head."""
        return (batch.conditions[:, self._pncc].amax(1, keepdim=True) > 0).float()

    def _mesh(self, batch: Batch) -> Tensor:
        """(B, 1, h, h) 1 on the driving face without its proxy; on all of the head for a network
        that takes no mask."""
        if self._mask is None:
            return self._head(batch)
        return batch.conditions[:, self._mask.start : self._mask.start + 1]

    def _descend(self, loss: Tensor, batch: Batch) -> float:
        """A step of the generator; the length of its gradient."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        length = self._limit_gradients()
        self.optimizer.step()
        self.samples += len(batch.targets)
        self._follow()
        return length

    def _teach_judges(self, generated: Generated, batch: Batch) -> float:
        pncc, fake = batch.conditions[:, self._pncc], generated.image.detach()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss = discriminator_loss(
                self.judges["image"](batch.targets, pncc), self.judges["image"](fake, pncc)
            ) + discriminator_loss(
                self.judges["mouth"](cut_mouths(batch.targets, batch.mouths)),
                self.judges["mouth"](cut_mouths(fake, batch.mouths)),
            )
        self.judge_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.judge_optimizer.step()
        return loss.item()

    def _please_judges(self, generated: Generated, batch: Batch) -> tuple[Tensor, Tensor]:
        """Adversarial and matching loss of the generator; the judges hold still."""
        pncc = batch.conditions[:, self._pncc]
        self.judges.requires_grad_(False)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            fake = self.judges["image"](generated.image, pncc)
            fake_mouth = self.judges["mouth"](cut_mouths(generated.image, batch.mouths))
            with torch.no_grad():
                real = self.judges["image"](batch.targets, pncc)
                real_mouth = self.judges["mouth"](cut_mouths(batch.targets, batch.mouths))
        self.judges.requires_grad_(True)
        pleased = adversarial_loss(fake) + adversarial_loss(fake_mouth)
        return pleased, (matching_loss(real, fake) + matching_loss(real_mouth, fake_mouth)) / 2

    def _limit_gradients(self) -> float:
        usual = self._usual_length
        limit = _LARGEST_STEP * usual if usual else float("inf")
        length = float(nn.utils.clip_grad_norm_(self.network.parameters(), limit))
        # A mean of logarithms: lengths range over two orders, and one outlier may not raise it.
        self._usual_length = usual * (min(length, limit) / usual) ** 0.02 if usual else length
        return length

    @torch.no_grad()
    def _follow(self) -> None:
        """The average that is shipped: of the last thousand steps, of fewer in the beginning."""
        steps = self.samples / self.plan.batch
        decay = min(self.plan.ema_decay, (1 + steps) / (10 + steps))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)
        # Statistics of normalisation are averages already.
        for kept, found in zip(self.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(found)

    def state(self) -> dict[str, Any]:
        """Everything that an exact resumption needs."""
        return {
            "samples": self.samples,
            "scales": asdict(self.scales),
            "usual_length": self._usual_length,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "judges": self.judges.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "judge_optimizer": self.judge_optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.samples = state["samples"]
        self.scales = LossScales(**state["scales"])
        self._usual_length = state["usual_length"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.judges.load_state_dict(state["judges"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.judge_optimizer.load_state_dict(state["judge_optimizer"])
        torch.set_rng_state(state["random"].cpu())


def _features(network: GeneratorNetwork, batch: Batch) -> list[Tensor]:
    """Of each driving frame's reference, computed once for all of them."""
    features = network.encode(batch.reference, batch.own_conditions)
    return [one.repeat_interleave(batch.drivings, 0) for one in features]


_Network = TypeVar("_Network", bound=nn.Module)


def _place(network: _Network, device: torch.device) -> _Network:
    """On the device, planes innermost."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.to(device)


def _adam(module: nn.Module, rate: float, betas: tuple[float, float]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        module.parameters(), rate, betas=betas, weight_decay=_WEIGHT_DECAY, fused=True
    )
