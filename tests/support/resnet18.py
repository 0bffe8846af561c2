"""ResNet-18 in nn modules, for a namespace: ``torch`` or ``plugrad``."""

import functools


@functools.cache
def classes_of(t):
    """``(Block, ResNet18)`` written with the modules of the namespace ``t``."""
    nn = t.nn

    class Block(nn.Module):
        """``relu(bn(conv(relu(bn(conv(x))))) + shortcut(x))``."""

        def __init__(self, inputs, outputs, stride=1):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.downsample = None
            if stride != 1 or inputs != outputs:
                projection = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
                self.downsample = nn.Sequential(projection, nn.BatchNorm2d(outputs))

        def forward(self, x):
            shortcut = x if self.downsample is None else self.downsample(x)
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            y += shortcut
            return self.relu(y)

    class ResNet18(nn.Module):
        """``x (N, 3, H, W) → scores (N, classes)``, with the names that a published state of ResNet-18 has."""

        def __init__(self, classes):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
            self.layer1 = nn.Sequential(Block(64, 64), Block(64, 64))
            self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128))
            self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256))
            self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512))
            self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
            self.fc = nn.Linear(512, classes)

        def forward(self, x):
            y = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
            return self.fc(t.flatten(self.avgpool(y), 1))

    return Block, ResNet18


def resnet18(t, classes=1000):
    """A ResNet-18 of the namespace ``t`` with its default initial values."""
    return classes_of(t)[1](classes)


def small_resnet(t, classes=10):
    """A narrow network of the same blocks for small pictures: ``x (N, 3, H, W) → scores (N, classes)``."""
    nn = t.nn
    block = classes_of(t)[0]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        block(8, 8),
        block(8, 16, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, classes),
    )
