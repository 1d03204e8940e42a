"""Texts of the Inside page's sections: heading, short paragraph, and details in an expander."""

import streamlit as st

STATIONS = {
    1: (
        "The picture",
        "Every picture is converted to MNIST's format: white ink on black, longer side 20 pixels, centre of mass in "
        "the middle. A pixel is a number from 0 to 1.",
    ),
    2: (
        "The layers",
        "Each layer applies small filters to the maps before it. Blue pixels are above 0: the filter found its pattern "
        "there. A bias can brighten a whole map, background included.",
    ),
    3: (
        "One pixel",
        "Click a pixel of the map to see exactly how its value was calculated. Rows and columns count from 0.",
    ),
    4: (
        "The evidence",
        "Which ink supports the answer (blue), and which counts against it (orange)? Occlusion erases ink, patch by "
        "patch and at random. Grad-CAM weights the last maps by how much each affects the answer.",
    ),
    5: (
        "Ten sums, ten probabilities",
        "The last layer adds up the evidence for and against each digit. The softmax turns the ten sums into "
        "probabilities that add up to 1.",
    ),
    6: ("Digits like yours", "The training digits that this network finds most similar to yours."),
    7: (
        "The map of all digits",
        "Every number is a test digit. Digits that look similar to the network are close together; the star is yours, "
        "among its nearest neighbours.",
    ),
    8: ("Through other eyes", "The same digit in another network, or in an untrained one."),
}
MORE = {
    1: "MNIST's digits were prepared this way in the 1990s: scaled to fit a box of 20 × 20 pixels with the same aspect "
    "ratio, then placed in 28 × 28 pixels with the ink's centre of mass in the middle. A network trained only on such "
    "pictures misreads others, so everything you draw or photograph is converted to the same format.",
    3: "A convolution applies the same small filter at every position of the maps before it. At each position, it "
    "multiplies each number under the filter by the filter's weight, and adds up the products and a bias. ReLU then "
    "sets negative values to 0. Pooling keeps the maximum (or the mean) of a few neighbours and shrinks the maps.",
    4: "Occlusion removes ink in many ways and reads the digit again each time: a pixel counts by how much the "
    "digit's score falls when it is removed, and rises when it is among the ink that stays. It needs only the "
    "network's answers, so it works for any network. Grad-CAM (Selvaraju et al. 2017) looks inside: it weights each "
    "of the last maps by the gradient of the digit's sum. The difference between two digits' maps shows which ink "
    "decides between them.",
    5: "The sums are called logits. The softmax raises e to the power of each and divides by their total, so a sum "
    "that is larger by 2.3 gets ten times the probability. Before that, all sums may be divided by one number, the "
    "temperature, chosen on digits that the network was not trained on, so that its confidence matches its accuracy. "
    "This is the classifier alone: on the Predict page, the default model also weighs how a mark looks on its page, "
    "and may answer otherwise.",
    6: "Before its last layer, the network has turned the picture into a list of numbers, its features. Digits with "
    "nearby features look alike to it. If the neighbours have different labels, the answer is less reliable.",
    7: "The features have many dimensions. PCA keeps the directions in which the digits differ most; t-SNE (van der "
    "Maaten and Hinton 2008) then places them on a plane so that neighbours stay neighbours. Distances between far "
    "groups mean little. Your digit is placed among its nearest neighbours: the map itself is made only once.",
    8: "An untrained network has the same layers with random weights. Its maps still show edges, because any small "
    "random filter does, but its answer is a guess. Training changes which edges are added up for which digit.",
}


def title(number: int) -> None:
    """Show a section's heading, paragraph, and details in an expander."""
    name, explained = STATIONS[number]
    st.html(f'<h2 class="ink-station"><b>{number}</b>{name}</h2>')
    st.markdown(explained)
    if number in MORE:
        with st.expander("More about this", icon=":material/menu_book:"):
            st.markdown(MORE[number])
