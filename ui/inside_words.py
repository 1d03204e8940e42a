"""The stations of the Inside page: each one's heading, its one plain paragraph, and more behind a fold."""

import streamlit as st

STATIONS = {
    1: (
        "The picture",
        "Every picture is made like MNIST's: white ink on black, its longer side 20 pixels, its weight in the middle. "
        "A pixel is a number from 0 to 1.",
    ),
    2: (
        "The layers",
        "Each layer looks at the maps before it through small filters. Blue pixels are above 0: there the filter found "
        "what it looks for. A bias can brighten a whole map, background included.",
    ),
    3: (
        "One pixel",
        "Click a pixel of the map to see exactly how its value was calculated. Rows and columns count from 0.",
    ),
    4: (
        "The evidence",
        "Which ink speaks for the answer (blue), which against it (orange)? Occlusion takes ink away, patch by patch "
        "and at random. Grad-CAM weighs the last maps by how much each of them moves the answer.",
    ),
    5: (
        "Ten sums, ten probabilities",
        "The last layer adds up what speaks for each digit and against it. The softmax turns the ten sums into "
        "probabilities that add up to 1.",
    ),
    6: ("Digits like yours", "The training digits that this network finds most similar to yours."),
    7: (
        "The map of all digits",
        "Every number is a test digit. Digits that the network finds alike lie near each other; the star is yours, "
        "among its nearest neighbours.",
    ),
    8: ("Through other eyes", "The same digit in another network, or in one that has learnt nothing."),
}
MORE = {
    1: "MNIST's digits were made this way in the 1990s: scaled into a box of 20 × 20 pixels without changing their "
    "shape, then placed in 28 × 28 so that the centre of their ink's weight lies in the middle. A network "
    "that has seen only such pictures misreads others, so whatever you draw or photograph is brought to the same form.",
    3: "A convolution lays the same small filter over every place of the maps before it. At each place it multiplies "
    "each number under the filter by the filter's own, and adds up the products and a bias. ReLU then sets what is "
    "below 0 to 0. Pooling keeps the largest (or the mean) of a few neighbours, and so makes the maps smaller.",
    4: "For occlusion, ink is removed in many ways, and each time the network answers anew: a pixel counts by how "
    "much the answer falls when it is gone, and rises when it is among the ink that stays. It needs nothing but "
    "the answers, so it works for any network. Grad-CAM (Selvaraju et al. 2017) looks inside: it weighs each of "
    "the last maps by the gradient of the digit's sum. The difference of two digits' maps shows which ink decides "
    "between them.",
    5: "The sums are called logits. The softmax raises e to the power of each and divides by their total, so a sum "
    "that is larger by 2.3 gets ten times the probability. Before that, all sums may be divided by one number, the "
    "temperature, chosen on digits that the network has not learned from, so that its confidence is as often right as "
    "it says.",
    6: "Before its last layer, the network has turned the picture into a list of numbers, its features. Digits with "
    "nearby features look alike to it. Where the neighbours carry different labels, the network has reason to doubt.",
    7: "The features have many dimensions. PCA keeps the directions in which the digits differ most; t-SNE (van der "
    "Maaten and Hinton 2008) then places them on a plane so that neighbours stay neighbours. Distances between far "
    "groups mean little. Your digit is placed among its nearest neighbours: the map itself is made only once.",
    8: "An untrained network has the same layers with random weights. Its maps still show edges, for any small random "
    "filter does, but its answer is a guess. What learning changed is which edges are added up for which digit.",
}


def title(number: int) -> None:
    """A station's heading and its one plain paragraph; more behind a fold."""
    name, explained = STATIONS[number]
    st.html(f'<h2 class="ink-station"><b>{number}</b>{name}</h2>')
    st.markdown(explained)
    if number in MORE:
        with st.expander("More about this", icon=":material/menu_book:"):
            st.markdown(MORE[number])
