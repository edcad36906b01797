"""The network of cells as modules of torch.nn, written down after the paper's figure, sharing no code with ours."""

import torch
from torch import nn


def relu_conv_norm(inputs, outputs, kernel, stride=1):
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs))


class Zero(nn.Module):
    def forward(self, x):
        return x * 0


def operation(name, channels):
    return {
        "none": Zero,
        "skip": nn.Identity,
        "conv1x1": lambda: relu_conv_norm(channels, channels, 1),
        "conv3x3": lambda: relu_conv_norm(channels, channels, 3),
        "pool3x3": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    }[name]()


class CellModule(nn.Module):
    def __init__(self, edges, channels):
        super().__init__()
        self.edges = nn.ModuleDict({edge: operation(name, channels) for edge, name in edges.items()})

    def forward(self, x):
        nodes = [x]
        while into := [edge for edge in self.edges if edge.endswith(f"-{len(nodes)}")]:
            nodes.append(sum(self.edges[edge](nodes[int(edge[0])]) for edge in into))
        return nodes[-1]


class ResidualModule(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.first, self.second = relu_conv_norm(inputs, outputs, 3, 2), relu_conv_norm(outputs, outputs, 3)
        self.mean, self.shortcut = nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return self.second(self.first(x)) + self.shortcut(self.mean(x))


def network_of(config, image_channels=1):
    """Return the whole network, and the name of each of its layers in ours beside the layer."""
    stem = nn.Conv2d(image_channels, config.channels, 3, config.stem_stride, 1, bias=False)
    layers, named = [stem, nn.BatchNorm2d(config.channels)], [("stem", stem)]
    named.append(("stem", layers[1]))
    for stage in range(config.stages):
        width = config.channels * config.widen**stage
        if stage:
            layers += reduction_of(config, stage, width // config.widen, width, named)
        for index in range(config.cells):
            cell = CellModule(config.normal, width)
            layers.append(cell)
            named += of_cell(f"stage{stage}.cell{index}", cell, config.normal)
    last = nn.BatchNorm2d(width)
    named.append(("last", last))
    return nn.Sequential(*layers, last, nn.ReLU()).double(), named


def reduction_of(config, stage, inputs, outputs, named):
    name = f"reduction{stage}"
    if config.reduction is None:
        block = ResidualModule(inputs, outputs)
        pairs = {"first": block.first[1:], "second": block.second[1:], "shortcut": [block.shortcut]}
        named += [(f"{name}.{place}", layer) for place, layers in pairs.items() for layer in layers]
        return [block]
    halved, cell = relu_conv_norm(inputs, outputs, 1), CellModule(config.reduction, outputs)
    named += [(f"{name}.halved", layer) for layer in halved[1:]]
    named += of_cell(name, cell, config.reduction)
    return [nn.AvgPool2d(2, ceil_mode=True), halved, cell]


def of_cell(name, cell, edges):
    return [
        (f"{name}.{edge}.{edges[edge]}", layer)
        for edge, module in cell.edges.items()
        if isinstance(module, nn.Sequential)
        for layer in module[1:]
    ]


def load(named, parameters):
    """Give each layer the values that ours has under its name."""
    for name, layer in named:
        kind = "norm" if isinstance(layer, nn.BatchNorm2d) else "conv"
        for part, value in layer.named_parameters():
            with torch.no_grad():
                value.copy_(parameters[f"{kind}.{name}.{part}"])
