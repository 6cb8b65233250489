"""A critic for `otkit verify --critic examples/petal_critic.py`: a function of (k, d) arrays, one number a row."""


def critic(flowers):
    return -flowers[:, 2]  # short petals are real, long ones generated
